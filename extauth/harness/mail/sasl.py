"""SASL for POP and SMTP (RFC 4422, 5034 and 4954): challenges and responses that lead to a claim."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from extauth.harness.mail.mechanisms import Claim, MalformedClaim, PasswordClaim, ResponseClaim, new_challenge
from extauth.harness.mail.stream import Stream
from extauth.model import Secret

MAX_SASL_LINE = 12_288
"""Bytes of a command or a response with base64 (RFC 4954, section 4)."""

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge and returns the response."""


class SaslError(Exception):
    """The exchange ended without a claim. The text says why, and holds nothing that the client sent."""


async def sasl_claim(stream: Stream, protocol: str, mechanism: bytes, initial: bytes, prompt: bytes) -> Claim:
    """Let the client authenticate with `mechanism`, in capital letters. Return its claim.

    initial: the initial response in base64, `=` if it is empty; empty if the client sent none
    prompt: the word before each challenge

    Raises SaslError, LineTooLong, EOFError, TimeoutError.
    """
    exchange = _EXCHANGES[mechanism]
    responses = [_decoded(b"" if initial == b"=" else initial)] if initial else []
    if responses and mechanism not in _CLIENT_FIRST:
        raise SaslError(f"{mechanism.decode()} takes no initial response")

    async def ask(challenge: bytes) -> bytes:
        if responses:
            return responses.pop()
        stream.write(prompt + b" " + base64.b64encode(challenge) + b"\r\n")
        line = await stream.read_line(MAX_SASL_LINE)
        if line == b"*":
            raise SaslError("authentication cancelled")
        return _decoded(line)

    return await exchange(ask, new_challenge(protocol))


def _decoded(response: bytes) -> bytes:
    try:
        return base64.b64decode(response, validate=True)
    except binascii.Error:
        raise SaslError("not valid base64") from None


async def _plain(ask: Ask, challenge: bytes) -> Claim:
    """PLAIN (RFC 4616): one response with everything. A login for another user is malformed."""
    fields = (await ask(b"")).split(b"\0")
    if len(fields) == 3 and fields[0] in (b"", fields[1]):
        return PasswordClaim("PLAIN", fields[1], Secret(fields[2]))
    return MalformedClaim("PLAIN")


async def _login(ask: Ask, challenge: bytes) -> Claim:
    """LOGIN: the name, then the password. No RFC defines it."""
    name = await ask(b"Username:")
    return PasswordClaim("LOGIN", name, Secret(await ask(b"Password:")))


async def _cram_md5(ask: Ask, challenge: bytes) -> Claim:
    """CRAM-MD5 (RFC 2195): the name, which may contain spaces, and a digest of the challenge and the password."""
    name, _, digest = (await ask(challenge)).rpartition(b" ")
    if name and digest:
        return ResponseClaim("CRAM-MD5", name, Secret(digest), Secret(challenge))
    return MalformedClaim("CRAM-MD5")


_EXCHANGES: dict[bytes, Callable[[Ask, bytes], Awaitable[Claim]]] = {
    b"CRAM-MD5": _cram_md5,
    b"LOGIN": _login,
    b"PLAIN": _plain,
}
_CLIENT_FIRST = frozenset({b"LOGIN", b"PLAIN"})

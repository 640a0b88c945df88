"""The SASL mechanisms of POP, IMAP and SMTP, and the login claims that come from them.

A claim is a login name with a password, or with a response to a challenge. USER, PASS and APOP make claims too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

import msgspec

from extauth.model import Account, CheckRequest, PasswordRequest, ResponseRequest, Secret


class PasswordClaim(msgspec.Struct, frozen=True):
    """A name and a clear-text password."""

    mechanism: str
    name: bytes
    password: Secret

    def check_request(self, account: Account) -> CheckRequest:
        """Return the request that checks this claim for `account`."""
        return PasswordRequest(account, self.password)


class ResponseClaim(msgspec.Struct, frozen=True):
    """A name and a response to a challenge, by CRAM-MD5 or APOP."""

    mechanism: str
    name: bytes
    response: Secret
    challenge: Secret

    def check_request(self, account: Account) -> CheckRequest:
        """Return the request that checks this claim for `account`."""
        return ResponseRequest(account, self.mechanism, self.response, self.challenge)


class MalformedClaim(msgspec.Struct, frozen=True):
    """Data that is not valid in this mechanism."""

    mechanism: str


Claim = PasswordClaim | ResponseClaim | MalformedClaim


class SaslExchange(Protocol):
    """Challenges and responses that lead to a claim (twisted's IChallengeResponse, which sets the names)."""

    claim: Claim

    def getChallenge(self) -> bytes:
        """Return the next challenge."""

    def setResponse(self, response: bytes) -> None:
        """Take the client's response."""

    def moreChallenges(self) -> bool:
        """Return True if another challenge follows."""


class PlainExchange:
    """PLAIN (RFC 4616): one response with everything. A login for another user is malformed."""

    def __init__(self) -> None:
        self.claim: Claim = MalformedClaim("PLAIN")

    def getChallenge(self) -> bytes:
        """Return an empty challenge: the client speaks first."""
        return b""

    def setResponse(self, response: bytes) -> None:
        """Take authorization identity, name and password."""
        fields = response.split(b"\0")
        if len(fields) == 3 and fields[0] in (b"", fields[1]):
            self.claim = PasswordClaim("PLAIN", fields[1], Secret(fields[2]))

    def moreChallenges(self) -> bool:
        """Return False: there is one response."""
        return False


class LoginExchange:
    """LOGIN: asks for the name, then for the password. No RFC defines it."""

    def __init__(self) -> None:
        self.claim: Claim = MalformedClaim("LOGIN")
        self._challenges = [b"Password:", b"Username:"]
        self._name = b""

    def getChallenge(self) -> bytes:
        """Return the prompt for the name or the password."""
        return self._challenges.pop()

    def setResponse(self, response: bytes) -> None:
        """Take the name, then the password."""
        if self._challenges:
            self._name = response
        else:
            self.claim = PasswordClaim("LOGIN", self._name, Secret(response))

    def moreChallenges(self) -> bool:
        """Return True if the password is still missing."""
        return bool(self._challenges)


class CramMd5Exchange:
    """CRAM-MD5 (RFC 2195): a challenge, and a response with name and digest."""

    def __init__(self, challenge: bytes) -> None:
        self.claim: Claim = MalformedClaim("CRAM-MD5")
        self._challenge = challenge

    def getChallenge(self) -> bytes:
        """Return the challenge."""
        return self._challenge

    def setResponse(self, response: bytes) -> None:
        """Take the name, which may contain spaces, and the digest."""
        name, _, digest = response.rpartition(b" ")
        if name and digest:
            self.claim = ResponseClaim("CRAM-MD5", name, Secret(digest), Secret(self._challenge))

    def moreChallenges(self) -> bool:
        """Return False: there is one response."""
        return False


MECHANISMS = (b"CRAM-MD5", b"LOGIN", b"PLAIN")
"""The SASL mechanisms, in the order in which they are offered."""

CHALLENGE_RESPONSE = frozenset({b"CRAM-MD5"})
"""The SASL mechanisms that do not send the password."""


def sasl_exchanges(protocol: str) -> dict[bytes, Callable[[], SaslExchange]]:
    """Return the function that starts an exchange for each mechanism, in the order in which they are offered."""
    return {
        b"CRAM-MD5": lambda: CramMd5Exchange(new_challenge(protocol)),
        b"LOGIN": LoginExchange,
        b"PLAIN": PlainExchange,
    }


def new_challenge(protocol: str) -> bytes:
    """Return a new challenge for one login: an RFC 822 message ID, as the mail server sends."""
    return f"<{protocol.lower()}-{secrets.token_hex(8)}@localhost>".encode()

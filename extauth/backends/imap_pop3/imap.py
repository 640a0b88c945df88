"""IMAP: the commands of a login (RFC 3501; PLAIN: RFC 4616).

A password travels in base64 or as a literal, so no byte of it can end the line. The tags are random: an answer that was
sent before its request does not fit.
"""

from __future__ import annotations

import base64
import secrets

from extauth.backends.imap_pop3.answers import imap_verdict
from extauth.backends.mail_connection import MailConnection, shown
from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import VerdictResult

_CONTINUE = b"+"


class ImapClient:
    """Logs in over one connection. Server texts appear in errors only until a name or password is sent."""

    PORTS = {"imap": 143, "imaps": 993}  # noqa: RUF012  # never changed

    def __init__(self, connection: MailConnection) -> None:
        self._connection = connection
        self._capabilities: frozenset[bytes] = frozenset()
        self._has_sent_secrets = False

    async def begin(self, *, starttls: bool) -> None:
        """Read the greeting, begin TLS, and ask for the capabilities. Raises BackendUnavailable."""
        greeting = await self._connection.line()
        if greeting[:5].upper() not in (b"* OK ", b"* OK"):
            raise BackendUnavailable(f"the greeting is not OK: {shown(greeting)}")  # also PREAUTH: no login follows
        if starttls:
            status, text = await self._command(b"STARTTLS")
            if status != b"OK":
                raise BackendUnavailable(f"STARTTLS refused: {shown(text)}")
            await self._connection.start_tls()
            self._capabilities = frozenset()  # those from before TLS may be forged
        status, text = await self._command(b"CAPABILITY")
        if status != b"OK":
            raise BackendUnavailable(f"CAPABILITY refused: {shown(text)}")

    def check_login_is_offered(self) -> None:
        """Raise TemporaryFailure if the server takes no password on this connection."""
        if b"LOGINDISABLED" in self._capabilities and b"AUTH=PLAIN" not in self._capabilities:
            raise TemporaryFailure("the server takes no password on this connection (LOGINDISABLED); use TLS")

    async def log_in(self, name: bytes, password: bytes) -> VerdictResult:
        """Try a name and a password without NUL. Raises TemporaryFailure."""
        self.check_login_is_offered()
        tag = _new_tag()
        if b"AUTH=PLAIN" in self._capabilities:
            await self._ask(tag, b"AUTHENTICATE PLAIN")
            self._has_sent_secrets = True
            self._connection.send(base64.b64encode(b"\0" + name + b"\0" + password))
        else:
            await self._ask(tag, b"LOGIN {%d}" % len(name))
            self._has_sent_secrets = True
            self._connection.send_literal(name, b" {%d}" % len(password))
            await self._continuation(tag)
            self._connection.send_literal(password, b"")
        status, text = await self._answer(tag)
        if status == _CONTINUE:
            raise TemporaryFailure("invalid answer: the server asks for more than name and password")
        return imap_verdict(status, text)

    def end(self) -> None:
        """Say goodbye, and close the connection without waiting for an answer."""
        self._connection.send(_new_tag() + b" LOGOUT")
        self._connection.close()

    async def _command(self, command: bytes) -> tuple[bytes, bytes]:
        """Send a command. Return status and text of its answer."""
        tag = _new_tag()
        self._connection.send(tag + b" " + command)
        return await self._answer(tag)

    async def _ask(self, tag: bytes, command: bytes) -> None:
        """Send a command whose arguments follow when the server asks for them."""
        self._connection.send(tag + b" " + command)
        await self._continuation(tag)

    async def _continuation(self, tag: bytes) -> None:
        """Wait until the server asks for more. An answer that comes before the password is no verdict."""
        status, text = await self._answer(tag)
        if status != _CONTINUE:
            why = "" if self._has_sent_secrets else f": {shown(status + b' ' + text)}"
            raise TemporaryFailure(f"the server answered before it got the password{why}")

    async def _answer(self, tag: bytes) -> tuple[bytes, bytes]:
        """Return status and text of the answer with this tag; `+` if the server asks for more."""
        while True:
            line = await self._connection.line()
            first, _, rest = line.partition(b" ")
            word, _, text = rest.partition(b" ")
            word = word.upper()
            if first == tag and word in (b"OK", b"NO", b"BAD"):
                return word, text
            if first == _CONTINUE:
                return _CONTINUE, rest
            if first != b"*":
                raise BackendUnavailable("invalid answer: a line that belongs to no request")
            if word == b"BYE":
                raise BackendUnavailable(
                    "the server ended the connection: BYE" + ("" if self._has_sent_secrets else f" {shown(text)}")
                )
            if word == b"CAPABILITY":
                self._capabilities = frozenset(text.upper().split())


def _new_tag() -> bytes:
    return b"x" + secrets.token_hex(6).encode()

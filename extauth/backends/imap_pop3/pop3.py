"""POP3: the commands of a login (RFC 1939; CAPA: RFC 2449; STLS: RFC 2595; AUTH PLAIN: RFC 5034).

Answers of POP3 have no tags. So a login counts only after STAT, which the server answers with two numbers only to a
user who is logged in. An extra `+OK` at the wrong place is not enough.
"""

from __future__ import annotations

import base64
import re

from extauth.backends.imap_pop3.answers import is_outage, pop3_refusal
from extauth.backends.mail_connection import MailConnection, shown
from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import Verdict, VerdictResult

MAX_COMMAND = 255
"""Bytes of a command with its line end (RFC 2449, section 4). Servers may cut a longer one."""

_STAT = re.compile(rb"\s*\d+ \d+\b")
_UNSENDABLE = (b"\r", b"\n", b"\0")


class Pop3Client:
    """Logs in over one connection. Server texts appear in errors only until a name or password is sent."""

    PORTS = {"pop3": 110, "pop3s": 995}  # noqa: RUF012  # never changed

    def __init__(self, connection: MailConnection) -> None:
        self._connection = connection
        self._capabilities: dict[bytes, frozenset[bytes]] | None = None

    async def begin(self, *, starttls: bool) -> None:
        """Read the greeting, begin TLS, and ask for the capabilities. Raises BackendUnavailable."""
        is_ok, text = await self._answer()
        if not is_ok:
            raise BackendUnavailable(f"the greeting is not OK: {shown(text)}")
        if starttls:
            is_ok, text = await self._command(b"STLS")
            if not is_ok:
                raise BackendUnavailable(f"STLS refused: {shown(text)}")
            await self._connection.start_tls()
        is_ok, _ = await self._command(b"CAPA")
        if is_ok:
            self._capabilities = await self._read_capabilities()

    def check_login_is_offered(self) -> None:
        """Raise TemporaryFailure if the server takes no password on this connection. Old servers do not say."""
        if self._capabilities is not None and not (self._has_plain() or b"USER" in self._capabilities):
            raise TemporaryFailure("the server takes no password on this connection (neither USER nor PLAIN); use TLS")

    async def log_in(self, name: bytes, password: bytes) -> VerdictResult:
        """Try a name and a password without NUL. Raises TemporaryFailure."""
        self.check_login_is_offered()
        refusal = await (self._plain(name, password) if self._has_plain() else self._user_and_pass(name, password))
        if refusal is not None:
            return refusal
        is_ok, text = await self._command(b"STAT")
        if not (is_ok and _STAT.match(text)):
            raise TemporaryFailure("the server said +OK to the password, but does not answer STAT")
        return Verdict.OK.because("")

    def end(self) -> None:
        """Say goodbye, and close the connection without waiting for an answer."""
        self._connection.send(b"QUIT")
        self._connection.close()

    async def _plain(self, name: bytes, password: bytes) -> VerdictResult | None:
        """Try AUTH PLAIN. Return why it was refused."""
        self._check_nothing_came()
        self._connection.send(b"AUTH PLAIN")
        line = await self._connection.line()
        if not line.startswith(b"+") or line[:3].upper() == b"+OK":
            raise TemporaryFailure(f"the server answered before it got the password: {shown(line)}")
        is_ok, text = await self._command(base64.b64encode(b"\0" + name + b"\0" + password))
        return None if is_ok else self._refusal(text)

    async def _user_and_pass(self, name: bytes, password: bytes) -> VerdictResult | None:
        """Try USER and PASS. Return why it was refused."""
        if b" " in name or not _is_sendable(name):
            return Verdict.USER_UNKNOWN.because("USER cannot send this name")
        if not _is_sendable(password):
            return Verdict.PASSWORD_MISMATCH.because("PASS cannot send this password")
        is_ok, text = await self._command(b"USER " + name)
        if not is_ok:
            if text.lstrip().startswith(b"[") or is_outage(text):
                raise TemporaryFailure("the server refused USER")
            return Verdict.USER_UNKNOWN.because("the server refused USER")
        is_ok, text = await self._command(b"PASS " + password)
        return None if is_ok else self._refusal(text)

    def _refusal(self, text: bytes) -> VerdictResult:
        return pop3_refusal(text, has_codes=b"AUTH-RESP-CODE" in (self._capabilities or {}))

    def _has_plain(self) -> bool:
        return b"PLAIN" in (self._capabilities or {}).get(b"SASL", frozenset())

    async def _command(self, command: bytes) -> tuple[bool, bytes]:
        """Send a command. Return whether its answer is +OK, and the text of the answer."""
        self._check_nothing_came()
        self._connection.send(command)
        return await self._answer()

    def _check_nothing_came(self) -> None:
        if self._connection.has_received():
            raise BackendUnavailable("invalid answer: the server has sent an answer before the request")

    async def _answer(self) -> tuple[bool, bytes]:
        line = await self._connection.line()
        word, _, text = line.partition(b" ")
        if word.upper() not in (b"+OK", b"-ERR"):
            raise BackendUnavailable("invalid answer: neither +OK nor -ERR")
        return word.upper() == b"+OK", text

    async def _read_capabilities(self) -> dict[bytes, frozenset[bytes]]:
        found = {}
        while (line := await self._connection.line()) != b".":
            name, *values = line.upper().split() or [b""]
            found[name] = frozenset(values)
        return found


def _is_sendable(value: bytes) -> bool:
    """Return whether USER or PASS can send a value in one line that no server cuts."""
    return len(b"USER \r\n") + len(value) <= MAX_COMMAND and not any(byte in value for byte in _UNSENDABLE)

"""One connection to the PWD port: TLS, login, command and reply.

The mail server speaks first. Each command gets one line: a code and a text. After INLINE, data come in the same line
with the code 201.
"""

from __future__ import annotations

import hashlib
import re
import ssl

from extauth.backends.mail_connection import MailConnection, shown
from extauth.backends.network import ServerAddress
from extauth.communigate.errors import CliUnavailable, LoginRefused
from extauth.errors import BackendUnavailable
from extauth.model import Secret

DONE = 200
"""The code of a reply without data."""

DATA = 201
"""The code of a reply with data in its line."""

_SEND_PASSWORD = 300
_CHALLENGE = re.compile(rb"<[!-;=?-~]+@[!-;=?-~]+>\s*$")  # nothing else: it could reveal the password (CVE-2007-1558)
_REPLY = re.compile(rb"([1-9]\d\d)(?: (.*))?", re.DOTALL)
_UNSENDABLE = re.compile(rb"[\0\r\n]")

Reply = tuple[int, bytes]
"""The code of a reply, and its text."""


class CliSession:
    """An open connection. All methods raise BackendUnavailable if it breaks.

    `tls`: how to use TLS; None: there is none. `max_reply`: bytes of a reply.
    """

    def __init__(self, server: ServerAddress, tls: ssl.SSLContext | None, max_reply: int) -> None:
        self._server = server
        self._tls = tls
        self._connection = MailConnection(server, tls, max_line=max_reply, max_lines=None)
        self._is_encrypted = False

    @property
    def may_send_passwords(self) -> bool:
        """Whether what is sent stays inside this computer, or is encrypted."""
        return self._is_encrypted or self._server.is_local

    async def open(self, account: str, password: Secret, *, starttls: bool) -> None:
        """Connect and log in: by APOP if the greeting allows it, else with the password itself. Raises LoginRefused.

        The password itself is sent only inside this computer, or after STLS. `starttls`: use STLS in any case.
        """
        await self._connection.open()
        code, text = await self._reply()
        if code != DONE:
            raise CliUnavailable(f"the greeting is not {DONE}: {shown(text)}")
        challenge = _CHALLENGE.search(text)
        if starttls or (challenge is None and not self._server.is_local):
            await self._start_tls()
        if challenge is None or self._is_encrypted:
            code = await self._send_user_and_password(account, password)
        else:
            digest = hashlib.md5(challenge[0].strip() + password.reveal(), usedforsecurity=False).hexdigest()
            code, _ = await self.run(f"APOP {account} {digest}".encode())
        if code != DONE:
            raise LoginRefused(f"the login of {account} was refused with the code {code}")
        code, _ = await self.run(b"INLINE")
        if code != DONE:
            raise CliUnavailable(f"INLINE was refused with the code {code}")

    async def run(self, line: bytes) -> Reply:
        """Send a command, and return its reply."""
        if not await self.is_usable():
            raise BackendUnavailable("the server closed the connection, or replied before the command")
        self._connection.send(line)
        return await self._reply()

    async def is_usable(self) -> bool:
        """Return whether it is open, and the mail server has said nothing since the last reply."""
        return await self._connection.is_silent()

    def end(self) -> None:
        """Send QUIT, and close it without waiting for a reply."""
        self._connection.send(b"QUIT")
        self._connection.close()

    def abort(self) -> None:
        """Close it at once."""
        self._connection.abort()

    async def _start_tls(self) -> None:
        code, text = await self.run(b"STLS")
        if code != DONE:
            raise CliUnavailable(f"STLS was refused: {code} {shown(text)}")
        assert self._tls is not None  # the client has made one
        await self._connection.start_tls()
        self._is_encrypted = True

    async def _send_user_and_password(self, account: str, password: Secret) -> int:
        """Return the code of the last reply."""
        if _UNSENDABLE.search(password.reveal()):
            raise LoginRefused("PASS cannot send this password: it has a line end or a NUL")
        code, _ = await self.run(b"USER " + account.encode())
        if code == DONE:
            raise CliUnavailable(f"invalid answer: USER got the code {code}")
        if code == _SEND_PASSWORD:
            code, _ = await self.run(b"PASS " + password.reveal())
        return code

    async def _reply(self) -> Reply:
        match = _REPLY.fullmatch(await self._connection.line())
        if match is None:
            raise BackendUnavailable("invalid answer: a line without a code; give the port of PWD")
        return int(match[1]), match[2] or b""

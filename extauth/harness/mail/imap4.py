"""IMAP4rev1 (RFC 3501) on twisted's."""

from __future__ import annotations

import re
from typing import Any

from twisted.mail import imap4

from extauth.harness.mail.claims import ClearText
from extauth.harness.mail.imap4_mailbox import Account
from extauth.harness.mail.policy import Access
from extauth.harness.mail.portal import Portal
from extauth.harness.mail.session import NewSession
from extauth.harness.mail.start_tls import StartTls
from extauth.model import Secret

_QUOTED = re.compile(rb'"((?:[^"\\]|\\["\\])*)"(?: |\Z)')
_ESCAPE = re.compile(rb"\\(.)")


class Imap4(StartTls, imap4.IMAP4Server):
    """One connection. The names are twisted's, and stand for the commands of the protocol."""

    IDENT = b"extauth harness"
    transport: Any
    portal: Any
    challengers: Any

    def __init__(self, new_session: NewSession) -> None:
        super().__init__()
        self._new_session = new_session

    def connectionMade(self) -> None:
        """Greet a client, or turn a stranger away."""
        self._session = self._new_session("IMAP", self.transport)
        if self._session.access is Access.NONE:
            self.sendLine(b"* BYE access is granted to clients only")
            self.transport.loseConnection()
            return
        self.ctx = self._session.tls
        self.challengers = self._session.exchanges
        self.startedTLS = self._session.over_tls
        self.portal = Portal(self._session, Account)
        super().connectionMade()

    def capabilities(self) -> dict[bytes, list[bytes] | None]:
        """What CAPABILITY says. LOGIN is said to be disabled where no account could use it."""
        capabilities: dict[bytes, list[bytes] | None] = {b"AUTH": self._session.offered}
        if not self._session.over_tls:
            capabilities[b"STARTTLS"] = None
        if not self._session.clear_text_makes_sense:
            capabilities[b"LOGINDISABLED"] = None
        return capabilities | {b"NAMESPACE": None, b"IDLE": None}

    def lookupCommand(self, cmd: bytes) -> Any:
        """What a command does; twisted's falls over one that is not ASCII."""
        return super().lookupCommand(cmd) if cmd.isascii() else None

    def sendContinuationRequest(self, msg: bytes = b"") -> None:
        """Ask for more; the space stands there even where nothing follows (RFC 3501, section 7.5)."""
        self.sendLine(b"+ " + (msg or b""))

    def arg_astring(self, line: bytes, final: bool = False) -> Any:
        r"""The first argument, and what follows it; twisted's knows no `\"` in a quoted string."""
        if quoted := _QUOTED.match(line.lstrip()):
            return _ESCAPE.sub(rb"\1", quoted[1]), line.lstrip()[quoted.end() :]
        return super().arg_astring(line, final)

    def authenticateLogin(self, user: bytes, passwd: bytes) -> Any:
        """Log in by the command LOGIN."""
        return self.portal.login(ClearText("LOGIN command", user, Secret(passwd)), None, imap4.IAccount)

    unauth_LOGIN: Any = (imap4.IMAP4Server.do_LOGIN, arg_astring, imap4.IMAP4Server.arg_finalastring)

"""SMTP (RFC 5321) with AUTH (RFC 4954) and STARTTLS (RFC 3207), on twisted's."""

from __future__ import annotations

from email.parser import BytesHeaderParser
from email.policy import SMTP
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.mail.smtp import ESMTP, SMTPBadRcpt
from zope.interface import implementer

from extauth.harness.mail.portal import Portal
from extauth.harness.mail.session import Login, NewSession, Session
from extauth.harness.mail.start_tls import StartTls
from extauth.log_levels import Level

_MAX_HEADER = 65_536  # bytes that are kept to find the subject in


class Smtp(StartTls, ESMTP):
    """One connection. The names are twisted's, and stand for the commands of the protocol."""

    noisy = False
    portal: Any

    def __init__(self, new_session: NewSession) -> None:
        super().__init__()
        self._new_session = new_session
        self.host = b"localhost"

    def connectionMade(self) -> None:
        """Greet the client, whoever it is."""
        self._session = self._new_session("SMTP", self.transport)
        self.ctx = self._session.tls
        self.challengers = self._session.exchanges
        self.startedTLS = self._session.over_tls
        self.portal = Portal(self._session, lambda login: Delivery(self._session, login))
        self.delivery = Delivery(self._session, None)
        super().connectionMade()

    def extensions(self) -> dict[bytes, list[bytes] | None]:
        """What EHLO says."""
        extensions: dict[bytes, list[bytes] | None] = super().extensions()
        return extensions | {b"AUTH": self._session.offered}

    def lookupMethod(self, command: bytes) -> Any:
        """What a command does; twisted's falls over one that is not ASCII."""
        return super().lookupMethod(command) if command.isascii() else None

    def do_NOOP(self, rest: bytes) -> None:
        """Do nothing (RFC 5321, section 4.1.1.9)."""
        self.sendCode(250, b"nothing is done")

    def do_VRFY(self, rest: bytes) -> None:
        """Tell nobody who has an account (RFC 5321, section 3.5.3)."""
        self.sendCode(252, b"bring your mail, and see")

    def do_HELP(self, rest: bytes) -> None:
        """Name the commands (RFC 5321, section 4.1.1.8)."""
        self.sendCode(214, b"EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET VRFY HELP NOOP QUIT")

    def forget(self) -> None:
        """Forget the client's name, its message on the way, and who has logged in."""
        self._helo = (None, self.transport.getPeer().host)
        self._from, self._to = None, []
        self.authenticated, self.delivery = False, Delivery(self._session, None)

    def ext_AUTH(self, rest: bytes) -> None:
        """Log in; twisted's falls over an AUTH without a mechanism."""
        if rest:
            super().ext_AUTH(rest)
        else:
            self.sendCode(501, b"which mechanism?")


@implementer(IMessageDelivery)
class Delivery:
    """Where mail goes: nowhere, but the log says that it came. Without a login it is for the server's own accounts."""

    def __init__(self, session: Session, login: Login | None) -> None:
        self._session = session
        self._login = login
        self._sender = ""

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        """None is added."""
        return b""

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """Anybody sends."""
        self._sender = str(origin)
        return origin

    def validateTo(self, user: Any) -> Any:
        """Whom mail is taken for: what makes the receiver of a message."""
        if self._login is None and self._session.account(bytes(user.dest)) is None:
            raise SMTPBadRcpt(user, 550, "log in first: this is none of our accounts")
        return lambda: Mail(self._session, self._sender, str(user.dest))


@implementer(IMessageSMTP)
class Mail:
    """A message for one recipient, on its way: its size is counted, its subject found, and the rest forgotten."""

    def __init__(self, session: Session, sender: str, recipient: str) -> None:
        self._session = session
        self._envelope = f"from <{sender}> to <{recipient}>"
        self._size = 0
        self._header = b""
        self._in_header = True

    def lineReceived(self, line: bytes) -> None:
        """Take a line, without its end."""
        self._size += len(line) + 2
        self._in_header = self._in_header and bool(line) and len(self._header) < _MAX_HEADER
        if self._in_header:
            self._header += line + b"\n"

    def eomReceived(self) -> Deferred[None]:
        """The message is there: say so."""
        subject = BytesHeaderParser(policy=SMTP).parsebytes(self._header).get("Subject", "")
        self._session.say(Level.LOW_LEVEL, f"mail {self._envelope}: {self._size} bytes, subject: {subject}")
        return succeed(None)

    def connectionLost(self) -> None:
        """The message will not come."""
        self._session.say(Level.PROBLEMS, f"mail {self._envelope}: lost after {self._size} bytes")

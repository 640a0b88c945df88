"""SMTP (RFC 5321) with AUTH (RFC 4954) and STARTTLS (RFC 3207), on twisted's ESMTP."""

from __future__ import annotations

from email.parser import BytesHeaderParser
from email.policy import SMTP
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.mail.smtp import ESMTP, SMTPBadRcpt
from zope.interface import implementer

from extauth.harness.mail.session import LoginPortal, LoginRecord, MailSession, NewSession
from extauth.harness.mail.tls import StartTlsMixin
from extauth.log_levels import Level

_MAX_HEADER = 65_536  # bytes; the subject is looked for in these


class Smtp(StartTlsMixin, ESMTP):
    """One connection. twisted sets the method names: `do_NOOP` is the command NOOP."""

    noisy = False
    portal: Any

    def __init__(self, new_session: NewSession) -> None:
        super().__init__()
        self._new_session = new_session
        self.host = b"localhost"

    def connectionMade(self) -> None:
        """Greet the client. Strangers may connect too."""
        self._session = self._new_session("SMTP", self.transport)
        self.ctx = self._session.tls
        self.challengers = self._session.exchanges
        self.startedTLS = self._session.over_tls
        self.portal = LoginPortal(self._session, lambda login: SmtpDelivery(self._session, login))
        self.delivery = SmtpDelivery(self._session, None)
        super().connectionMade()

    def extensions(self) -> dict[bytes, list[bytes] | None]:
        """Return the extensions for EHLO."""
        extensions: dict[bytes, list[bytes] | None] = super().extensions()
        return extensions | {b"AUTH": self._session.offered}

    def lookupMethod(self, command: bytes) -> Any:
        """Return the handler of a command. twisted's version crashes on a command that is not ASCII."""
        return super().lookupMethod(command) if command.isascii() else None

    def do_NOOP(self, rest: bytes) -> None:
        """Do nothing (RFC 5321, section 4.1.1.9)."""
        self.sendCode(250, b"OK")

    def do_VRFY(self, rest: bytes) -> None:
        """Do not reveal whether an account exists (RFC 5321, section 3.5.3)."""
        self.sendCode(252, b"cannot verify the user; send the mail to find out")

    def do_HELP(self, rest: bytes) -> None:
        """List the commands (RFC 5321, section 4.1.1.8)."""
        self.sendCode(214, b"EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET VRFY HELP NOOP QUIT")

    def reset_client_state(self) -> None:
        """Forget the client's name, its current message, and its login."""
        self._helo = (None, self.transport.getPeer().host)
        self._from, self._to = None, []
        self.authenticated, self.delivery = False, SmtpDelivery(self._session, None)

    def ext_AUTH(self, rest: bytes) -> None:
        """Log in. twisted's version crashes on AUTH without a mechanism."""
        if rest:
            super().ext_AUTH(rest)
        else:
            self.sendCode(501, b"AUTH needs a mechanism")


@implementer(IMessageDelivery)
class SmtpDelivery:
    """Logs incoming mail and discards it. Without a login it takes mail only for the accounts of the file."""

    def __init__(self, session: MailSession, login: LoginRecord | None) -> None:
        self._session = session
        self._login = login
        self._sender = ""

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        """Return no header field."""
        return b""

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """Accept any sender."""
        self._sender = str(origin)
        return origin

    def validateTo(self, user: Any) -> Any:
        """Return the function that makes the message. Raises SMTPBadRcpt if mail to `user` needs a login."""
        if self._login is None and self._session.find_account(bytes(user.dest)) is None:
            raise SMTPBadRcpt(user, 550, "no such account here; log in to send mail elsewhere")
        return lambda: SmtpMessage(self._session, self._sender, str(user.dest))


@implementer(IMessageSMTP)
class SmtpMessage:
    """A message for one recipient. It counts the size and finds the subject, and discards the rest."""

    def __init__(self, session: MailSession, sender: str, recipient: str) -> None:
        self._session = session
        self._envelope = f"from <{sender}> to <{recipient}>"
        self._size = 0
        self._header = b""
        self._in_header = True

    def lineReceived(self, line: bytes) -> None:
        """Take a line without its line end."""
        self._size += len(line) + 2
        self._in_header = self._in_header and bool(line) and len(self._header) < _MAX_HEADER
        if self._in_header:
            self._header += line + b"\n"

    def eomReceived(self) -> Deferred[None]:
        """Log the complete message."""
        subject = BytesHeaderParser(policy=SMTP).parsebytes(self._header).get("Subject", "")
        self._session.log(Level.LOW_LEVEL, f"mail {self._envelope}: {self._size} bytes, subject: {subject}")
        return succeed(None)

    def connectionLost(self) -> None:
        """Log that the message is incomplete."""
        self._session.log(Level.PROBLEMS, f"mail {self._envelope}: connection lost after {self._size} bytes")

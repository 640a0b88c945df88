"""POP3 (RFC 1939) on twisted's POP3, with SASL in several steps (RFC 5034), STLS (RFC 2595), and the mailbox."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO
from typing import Any

from twisted.mail import pop3
from twisted.mail.interfaces import IMailboxPOP3
from zope.interface import implementer

from extauth.harness.mail.mechanisms import Claim, PasswordClaim, ResponseClaim, SaslExchange, new_challenge
from extauth.harness.mail.policy import Access
from extauth.harness.mail.session import LoginPortal, LoginRecord, NewSession, login_message
from extauth.harness.mail.tls import StartTlsMixin
from extauth.model import Secret


class Pop3(StartTlsMixin, pop3.POP3):
    """One connection. twisted sets the method names: `do_STLS` is the command STLS."""

    AUTH_CMDS = [*pop3.POP3.AUTH_CMDS, b"STLS"]  # noqa: RUF012  # twisted's name for the commands before a login
    transport: Any
    portal: Any
    magic: bytes
    blocked: Any

    def __init__(self, new_session: NewSession) -> None:
        self._new_session = new_session
        self._exchange: SaslExchange

    def connectionMade(self) -> None:
        """Greet a client, or close the connection of a stranger."""
        self._session = self._new_session("POP", self.transport)
        if self._session.access is Access.NONE:
            self.failResponse(b"only client addresses may connect")
            self.transport.loseConnection()
            return
        self.portal = LoginPortal(self._session, Pop3Mailbox)
        self.magic = new_challenge("POP")
        super().connectionMade()

    def state_COMMAND(self, line: bytes) -> None:
        """Run a command. Refuse one with wrong arguments."""
        try:
            self.processCommand(*line.split(b" "))
        except pop3.POP3Error as error:
            self.failResponse(error.args[0])
        except (TypeError, ValueError):
            self.failResponse(b"wrong arguments")

    def listCapabilities(self) -> list[bytes]:
        """Return the capabilities for CAPA (RFC 2449)."""
        capabilities = [b"TOP", b"UIDL", b"PIPELINING"]
        if self._session.clear_text_allowed:
            capabilities.append(b"USER")
        if offered := self._session.offered:
            capabilities.append(b" ".join((b"SASL", *offered)))
        if not self._session.over_tls:
            capabilities.append(b"STLS")
        return capabilities

    def do_STLS(self) -> None:
        """Start TLS."""
        if self._session.over_tls:
            self.failResponse(b"TLS is already active")
        elif self.mbox:
            self.failResponse(b"STLS is not allowed after a login")
        else:
            self.successResponse(b"begin TLS")
            self.transport.startTLS(self._session.tls)

    def reset_client_state(self) -> None:
        """Forget the name that USER gave."""
        self._userIs = None

    def do_PASS(self, *words: bytes) -> None:
        """Log in with the name from USER and a password, which may contain spaces."""
        name, self._userIs = self._userIs, None
        if name is None:
            self.failResponse(b"send USER first")
        else:
            self._log_in(PasswordClaim("USER", name, Secret(b" ".join(words))))

    def do_USER(self, *words: bytes) -> None:
        """Take a name, which may contain spaces."""
        super().do_USER(b" ".join(words))

    def do_APOP(self, *words: bytes) -> None:
        """Log in with a name, which may contain spaces, and a digest of the greeting."""
        *name, digest = words
        self._log_in(ResponseClaim("APOP", b" ".join(name), Secret(digest), Secret(self.magic)))

    def do_AUTH(self, mechanism: bytes = b"", initial: bytes | None = None) -> None:
        """Start a SASL exchange. Without a mechanism, list the mechanisms."""
        start = self._session.exchanges.get(mechanism.upper())
        if not mechanism:
            self.successResponse(b"mechanisms:")
            for name in self._session.offered:
                self.sendLine(name)
            self.sendLine(b".")
        elif start is None:
            self.failResponse(b"unknown mechanism")
        else:
            self._exchange = start()
            challenge = self._exchange.getChallenge()
            if initial is None:
                self._send_challenge(challenge)
            else:
                self.state_AUTH(b"" if initial == b"=" else initial)

    def state_AUTH(self, line: bytes) -> None:
        """Take a response."""
        self.state = "COMMAND"
        try:
            response = base64.b64decode(line, validate=True)  # a client that cancels sends *, which also fails here
        except binascii.Error:
            self.failResponse(b"not valid base64")
            return
        self._exchange.setResponse(response)
        if self._exchange.moreChallenges():
            self._send_challenge(self._exchange.getChallenge())
        else:
            self._log_in(self._exchange.claim)

    def _unblock(self, result: Any) -> None:
        """Run the commands that waited for a login. twisted's version crashes on an invalid command."""
        waiting, self.blocked = self.blocked or [], None
        self.pass_until_tls(self.lineReceived, [b" ".join((command, *words)) for command, words in waiting])

    def _send_challenge(self, challenge: bytes) -> None:
        self.state = "AUTH"
        self.sendLine(b"+ " + base64.b64encode(challenge))

    def _log_in(self, claim: Claim) -> None:
        login = self.portal.login(claim, None, IMailboxPOP3)
        login.addCallbacks(self._cbMailbox, self._ebMailbox, callbackArgs=(b"",)).addErrback(self._ebUnexpected)
        self._longOperation(login)  # later commands wait until the login ends


@implementer(IMailboxPOP3)
class Pop3Mailbox:
    """The mailbox, which has one message. twisted sets the method names. Positions count from 0."""

    def __init__(self, login: LoginRecord) -> None:
        self._message = login_message(login).as_bytes()
        self._uid = b"%d.%d" % (login.at.timestamp(), login.session)
        self._deleted = False

    def listMessages(self, position: int | None = None) -> int | list[int]:
        """Return the size of the message in bytes, 0 if it is deleted. Without a position, return a list of sizes."""
        size = 0 if self._deleted else len(self._message)
        if position is None:
            return [size]
        self._check(position)
        return size

    def getMessage(self, position: int) -> BytesIO:
        """Return the message with LF line ends, as twisted expects it."""
        self._check(position)
        return BytesIO(self._message.replace(b"\r\n", b"\n"))

    def getUidl(self, position: int) -> bytes:
        """Return the unique ID of the message."""
        self._check(position)
        return self._uid

    def deleteMessage(self, position: int) -> None:
        """Mark the message as deleted."""
        self._check(position)
        self._deleted = True

    def undeleteMessages(self) -> None:
        """Remove the mark."""
        self._deleted = False

    def sync(self) -> None:
        """Do nothing: each login has its own message."""

    def _check(self, position: int) -> None:
        if position != 0:
            raise ValueError("there is only one message")

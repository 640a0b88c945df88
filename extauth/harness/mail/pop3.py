"""POP3 (RFC 1939) on twisted's, with what that lacks: SASL in several steps (RFC 5034) and STLS (RFC 2595)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from twisted.mail import pop3
from twisted.mail.interfaces import IMailboxPOP3

from extauth.harness.mail.claims import Claim, ClearText, Response
from extauth.harness.mail.mechanisms import Exchange, new_challenge
from extauth.harness.mail.policy import Access
from extauth.harness.mail.pop3_mailbox import Mailbox
from extauth.harness.mail.portal import Portal
from extauth.harness.mail.session import NewSession
from extauth.harness.mail.start_tls import StartTls
from extauth.model import Secret


class Pop3(StartTls, pop3.POP3):
    """One connection. The names are twisted's, and stand for the commands of the protocol."""

    AUTH_CMDS = [*pop3.POP3.AUTH_CMDS, b"STLS"]  # noqa: RUF012  # what is allowed before a login, as twisted has it
    transport: Any
    portal: Any
    magic: bytes
    blocked: Any

    def __init__(self, new_session: NewSession) -> None:
        self._new_session = new_session
        self._exchange: Exchange

    def connectionMade(self) -> None:
        """Greet a client, or turn a stranger away."""
        self._session = self._new_session("POP", self.transport)
        if self._session.access is Access.NONE:
            self.failResponse(b"access is granted to clients only")
            self.transport.loseConnection()
            return
        self.portal = Portal(self._session, Mailbox)
        self.magic = new_challenge("POP")
        super().connectionMade()

    def state_COMMAND(self, line: bytes) -> None:
        """Take a command; one with wrong arguments is refused."""
        try:
            self.processCommand(*line.split(b" "))
        except pop3.POP3Error as error:
            self.failResponse(error.args[0])
        except (TypeError, ValueError):
            self.failResponse(b"wrong arguments")

    def listCapabilities(self) -> list[bytes]:
        """What CAPA says (RFC 2449)."""
        capabilities = [b"TOP", b"UIDL", b"PIPELINING"]
        if self._session.clear_text_makes_sense:
            capabilities.append(b"USER")
        if offered := self._session.offered:
            capabilities.append(b" ".join((b"SASL", *offered)))
        if not self._session.over_tls:
            capabilities.append(b"STLS")
        return capabilities

    def do_STLS(self) -> None:
        """Go on under TLS."""
        if self._session.over_tls:
            self.failResponse(b"TLS is in use")
        elif self.mbox:
            self.failResponse(b"STLS comes before a login")
        else:
            self.successResponse(b"begin TLS")
            self.transport.startTLS(self._session.tls)

    def forget(self) -> None:
        """Forget the name that USER gave."""
        self._userIs = None

    def do_PASS(self, *words: bytes) -> None:
        """Log in by the name that USER gave, and a password, which may hold spaces."""
        name, self._userIs = self._userIs, None
        if name is None:
            self.failResponse(b"USER comes first")
        else:
            self._log_in(ClearText("USER", name, Secret(b" ".join(words))))

    def do_USER(self, *words: bytes) -> None:
        """Take a name, which may hold spaces."""
        super().do_USER(b" ".join(words))

    def do_APOP(self, *words: bytes) -> None:
        """Log in by a name, which may hold spaces, and a digest of the greeting."""
        *name, digest = words
        self._log_in(Response("APOP", b" ".join(name), Secret(digest), Secret(self.magic)))

    def do_AUTH(self, mechanism: bytes = b"", initial: bytes | None = None) -> None:
        """Begin a SASL exchange; without a mechanism, say which there are."""
        begin = self._session.exchanges.get(mechanism.upper())
        if not mechanism:
            self.successResponse(b"mechanisms:")
            for name in self._session.offered:
                self.sendLine(name)
            self.sendLine(b".")
        elif begin is None:
            self.failResponse(b"unknown mechanism")
        else:
            self._exchange = begin()
            challenge = self._exchange.getChallenge()
            if initial is None:
                self._ask(challenge)
            else:
                self.state_AUTH(b"" if initial == b"=" else initial)

    def state_AUTH(self, line: bytes) -> None:
        """Take a response."""
        self.state = "COMMAND"
        try:
            response = base64.b64decode(line, validate=True)  # refuses the * of a client that gives up, too
        except binascii.Error:
            self.failResponse(b"no base64")
            return
        self._exchange.setResponse(response)
        if self._exchange.moreChallenges():
            self._ask(self._exchange.getChallenge())
        else:
            self._log_in(self._exchange.claim)

    def _unblock(self, result: Any) -> None:
        """Take the lines that waited for a login; twisted's falls over one that is wrong."""
        waiting, self.blocked = self.blocked or [], None
        self.take_until_tls(self.lineReceived, [b" ".join((command, *words)) for command, words in waiting])

    def _ask(self, challenge: bytes) -> None:
        self.state = "AUTH"
        self.sendLine(b"+ " + base64.b64encode(challenge))

    def _log_in(self, claim: Claim) -> None:
        login = self.portal.login(claim, None, IMailboxPOP3)
        login.addCallbacks(self._cbMailbox, self._ebMailbox, callbackArgs=(b"",)).addErrback(self._ebUnexpected)
        self._longOperation(login)  # commands that were sent already wait

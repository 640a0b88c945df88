"""PWD, the protocol of poppassd: mail programs set a password by it. Each reply is a 200, or a 500 where it fails."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python import log
from twisted.python.failure import Failure

from extauth.harness.mail.claims import ClearText
from extauth.harness.mail.own_password import store
from extauth.harness.mail.policy import Access
from extauth.harness.mail.session import Login, NewSession
from extauth.log_levels import Level
from extauth.model import Secret

_PATIENCE = 60  # seconds


class Pwd(LineOnlyReceiver, TimeoutMixin):
    """One connection: USER, PASS, and NEWPASS, which sets the account's own password."""

    delimiter = b"\n"
    transport: Any

    def __init__(self, new_session: NewSession) -> None:
        self._new_session = new_session
        self._name: bytes | None = None
        self._login: Login | None = None
        self._waiting: list[bytes] | None = None  # lines that came while a password was checked

    def connectionMade(self) -> None:
        """Greet a client, or turn a stranger away."""
        self._session = self._new_session("PWD", self.transport)
        if self._session.access is Access.NONE:
            self._end(b"500 access is granted to clients only")
        else:
            self.setTimeout(_PATIENCE)
            self._reply(b"200 hello, who are you?")

    def connectionLost(self, reason: Any = None) -> None:
        """Nothing is kept."""
        self.setTimeout(None)

    def lineReceived(self, line: bytes) -> None:
        """Take a command, or put it by until it is known whether somebody has logged in."""
        self.resetTimeout()
        if self._waiting is not None:
            self._waiting.append(line)
            return
        command, _, argument = line.removesuffix(b"\r").partition(b" ")
        match command.upper():
            case b"USER" if argument:
                self._name, self._login = argument, None
                self._reply(b"200 your password, please")
            case b"PASS" if self._name is not None:
                claim = ClearText("PASS", self._name, Secret(argument))
                self._name, self._waiting = None, []
                Deferred.fromCoroutine(self._session.log_in(claim)).addCallbacks(self._logged_in, self._failed)
            case b"NEWPASS" if self._login is not None:
                self._reply(self._set(self._login, Secret(argument)))
            case b"QUIT":
                self._end(b"200 bye")
            case _:
                self._reply(b"500 first USER, then PASS, then NEWPASS; or QUIT")

    def _logged_in(self, login: Login | None) -> None:
        self._login = login
        self._go_on(b"500 incorrect password" if login is None else b"200 your new password, please")

    def _failed(self, failure: Failure) -> None:
        log.err(failure)
        self._go_on(b"500 the password could not be checked")

    def _go_on(self, reply: bytes) -> None:
        self._reply(reply)
        lines, self._waiting = self._waiting or [], None
        for line in lines:
            self.lineReceived(line)

    def _set(self, login: Login, password: Secret) -> bytes:
        """Set the account's own password, until the server ends: the reply."""
        account = login.account
        if not account.settings.use_own_password:
            return b"500 this account has no password of its own: use_own_password is off"
        try:
            account.own_password = store(password, account.settings.password_encryption)
        except ValueError as error:
            return f"500 {error}".encode()
        self._session.say(Level.LOW_LEVEL, f"{account.account} has set the own password")
        return b"200 the password is set"

    def _reply(self, text: bytes) -> None:
        self.transport.write(text + b"\r\n")

    def _end(self, reply: bytes) -> None:
        self._reply(reply)
        self.transport.loseConnection()

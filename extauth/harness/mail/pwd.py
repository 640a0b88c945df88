"""PWD, the protocol of poppassd: mail programs change a password with it. Replies are 200, or 500 for a failure."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python import log
from twisted.python.failure import Failure

from extauth.harness.mail.mechanisms import PasswordClaim
from extauth.harness.mail.own_password import new_own_password
from extauth.harness.mail.policy import Access
from extauth.harness.mail.session import LoginRecord, NewSession
from extauth.log_levels import Level
from extauth.model import Secret

_IDLE_TIMEOUT = 60  # seconds


class Pwd(LineOnlyReceiver, TimeoutMixin):
    """One connection: USER, PASS, and NEWPASS, which sets the account's own password."""

    delimiter = b"\n"
    transport: Any

    def __init__(self, new_session: NewSession) -> None:
        self._new_session = new_session
        self._name: bytes | None = None
        self._login: LoginRecord | None = None
        self._waiting: list[bytes] | None = None  # lines that wait until a password check ends

    def connectionMade(self) -> None:
        """Greet a client, or close the connection of a stranger."""
        self._session = self._new_session("PWD", self.transport)
        if self._session.access is Access.NONE:
            self._end(b"500 only client addresses may connect")
        else:
            self.setTimeout(_IDLE_TIMEOUT)
            self._reply(b"200 hello, who are you?")

    def connectionLost(self, reason: Any = None) -> None:
        """Stop the idle timer."""
        self.setTimeout(None)

    def lineReceived(self, line: bytes) -> None:
        """Run a command. If a password check is under way, keep the command until the check ends."""
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
                claim = PasswordClaim("PASS", self._name, Secret(argument))
                self._name, self._waiting = None, []
                Deferred.fromCoroutine(self._session.log_in(claim)).addCallbacks(self._logged_in, self._failed)
            case b"NEWPASS" if self._login is not None:
                self._reply(self._set_password(self._login, Secret(argument)))
            case b"QUIT":
                self._end(b"200 bye")
            case _:
                self._reply(b"500 send USER, then PASS, then NEWPASS; or QUIT")

    def _logged_in(self, login: LoginRecord | None) -> None:
        self._login = login
        self._resume(b"500 incorrect password" if login is None else b"200 your new password, please")

    def _failed(self, failure: Failure) -> None:
        log.err(failure)
        self._resume(b"500 the password could not be checked")

    def _resume(self, reply: bytes) -> None:
        self._reply(reply)
        lines, self._waiting = self._waiting or [], None
        for line in lines:
            self.lineReceived(line)

    def _set_password(self, login: LoginRecord, password: Secret) -> bytes:
        """Set the account's own password until the harness ends. Return the reply."""
        account = login.account
        if not account.settings.use_own_password:
            return b"500 this account cannot have an own password: use_own_password is off"
        try:
            account.own_password = new_own_password(password, account.settings.password_encryption)
        except ValueError as error:
            return f"500 {error}".encode()
        self._session.log(Level.LOW_LEVEL, f"{account.account} changed the own password")
        return b"200 the password is set"

    def _reply(self, text: bytes) -> None:
        self.transport.write(text + b"\r\n")

    def _end(self, reply: bytes) -> None:
        self._reply(reply)
        self.transport.loseConnection()

"""One connection to PWD: the login, TLS, and the commands of the CLI after the login."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python import log
from twisted.python.failure import Failure

from extauth.harness.mail.mechanisms import Claim, PasswordClaim, ResponseClaim, new_challenge
from extauth.harness.mail.policy import Access
from extauth.harness.mail.pwd.cli import Cli, CommandError, set_own_password
from extauth.harness.mail.pwd.commands import run_command
from extauth.harness.mail.session import LoginRecord, NewSession
from extauth.harness.mail.tls import StartTlsMixin
from extauth.model import Secret
from extauth.protocol.data_format import MAX_SIZE, write
from extauth.protocol.replies import one_line

_IDLE_TIMEOUT = 300  # seconds
_SERVER = "CommuniGate Pro PWD"  # clients look for this name in the greeting
_VERSION = "6.0.5"


class Pwd(StartTlsMixin, LineOnlyReceiver, TimeoutMixin):
    """One connection. USER and PASS, or APOP, log in. Then `run_command` runs the commands of the CLI.

    Each command gets one reply: a code and a text. Data follow in the next line, or after INLINE in the same line.
    """

    delimiter = b"\n"
    MAX_LENGTH = MAX_SIZE
    transport: Any

    def __init__(self, new_session: NewSession) -> None:
        self._new_session = new_session
        self._challenge = new_challenge("PWD")
        self._name: bytes | None = None
        self._login: LoginRecord | None = None
        self._inline = False
        self._waiting: list[bytes] | None = None  # lines that wait until a command ends

    def connectionMade(self) -> None:
        """Greet a client, or close the connection of a stranger."""
        self._session = self._new_session("PWD", self.transport)
        if self._session.access is Access.NONE:
            self._end(500, "only client addresses may connect")
        else:
            self.setTimeout(_IDLE_TIMEOUT)
            domain = self._session.local_domain
            self._reply(200, f"{domain} {_SERVER} Server {_VERSION} ready {self._challenge.decode()}")

    def connectionLost(self, reason: Any = None) -> None:
        """Stop the idle timer."""
        self.setTimeout(None)

    def lineReceived(self, line: bytes) -> None:
        """Run a command. If another one is under way, keep the command until that one ends."""
        self.resetTimeout()
        if self._waiting is not None:
            self._waiting.append(line)
            return
        line = line.removesuffix(b"\r")
        command, _, argument = line.partition(b" ")
        match command.upper():
            case b"USER" if argument:
                self._name, self._login = argument, None
                self._reply(300, "please send the PASS")
            case b"PASS" if self._name is not None:
                claim = PasswordClaim("PASS", self._name, Secret(argument))
                self._name = None
                self._start(self._log_in(claim))
            case b"APOP" if len(argument.split()) > 1:
                name, _, digest = argument.rstrip().rpartition(b" ")
                self._start(self._log_in(ResponseClaim("APOP", name, Secret(digest), Secret(self._challenge))))
            case b"STLS" if self._login is None and not self._session.over_tls:
                self._reply(200, "begin TLS")
                self.transport.startTLS(self._session.tls)
            case b"NOOP":
                self._reply(200, "OK")
            case b"QUIT":
                self._end(200, f"{self._session.local_domain} {_SERVER} connection closed")
            case _ if self._login is None:
                self._reply(500, "log in first: send USER and PASS, or APOP")
            case b"USER" | b"PASS" | b"APOP" | b"STLS":
                self._reply(500, "not possible now")
            case _ if self._session.accounts.get(self._login.account.account) is not self._login.account:
                self._reply(500, "your account was deleted; log in again")
            case b"INLINE":
                self._inline = True
                self._reply(200, "OK")
            case b"NEWPASS":
                self._start(self._set_password(self._login, Secret(argument)))
            case _:
                self._start(self._run(self._login, line))

    def reset_client_state(self) -> None:
        """Forget the name that USER gave."""
        self._name = None

    async def _log_in(self, claim: Claim) -> None:
        self._login = await self._session.log_in(claim)
        if self._login is None:
            self._reply(515, "incorrect password or unknown account")
        else:
            self._reply(200, "login OK, proceed")

    async def _set_password(self, login: LoginRecord, password: Secret) -> None:
        """Set the own password of the logged-in account until the harness ends."""
        set_own_password(login.account, password)
        self._session.log_change(f"{login.account.account} changed the own password")
        self._reply(200, "Password updated")

    async def _run(self, login: LoginRecord, line: bytes) -> None:
        value = await run_command(Cli(self._session, login.account), line)
        if value is None:
            self._reply(200, "OK")
        elif self._inline:
            self._send(b"201 " + write(value))
        else:
            self._reply(200, "data follow")
            self._send(write(value))

    def _start(self, command: Coroutine[Any, Any, None]) -> None:
        """Run a command that may wait. Later lines wait until it ends."""
        self._waiting = []
        Deferred.fromCoroutine(command).addErrback(self._failed).addBoth(self._resume)

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CommandError):
            self._reply(error.code, str(error))
        else:
            log.err(failure)
            self._reply(501, "error in the harness; see its log")

    def _resume(self, _: object) -> None:
        lines, self._waiting = self._waiting or [], None
        self.pass_until_tls(self.lineReceived, lines)

    def _reply(self, code: int, text: str) -> None:
        self._send(f"{code} {one_line(text)}".encode())

    def _send(self, line: bytes) -> None:
        self.transport.write(line + b"\r\n")

    def _end(self, code: int, text: str) -> None:
        self._reply(code, text)
        self.transport.loseConnection()

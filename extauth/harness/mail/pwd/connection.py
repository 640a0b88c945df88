"""One connection to PWD: the login, TLS, and after the login the commands of the CLI: how one is found and run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from extauth.harness.mail.mechanisms import Claim, PasswordClaim, ResponseClaim, new_challenge
from extauth.harness.mail.pwd.account_commands import ACCOUNT_COMMANDS
from extauth.harness.mail.pwd.cli import (
    FAILED,
    UNKNOWN_COMMAND,
    WRONG_PASSWORD,
    Cli,
    CliCommand,
    CommandError,
    WrongArguments,
    set_own_password,
)
from extauth.harness.mail.pwd.rights import Need
from extauth.harness.mail.pwd.server_commands import SERVER_COMMANDS
from extauth.harness.mail.pwd.settings_commands import SETTINGS_COMMANDS
from extauth.harness.mail.session import LoginFailure, LoginRecord, MailSession
from extauth.harness.mail.stream import LineTooLong, Stream
from extauth.log_levels import Level
from extauth.model import Secret
from extauth.protocol.data_format import MalformedData, Value, read_arguments, write
from extauth.protocol.replies import one_line

_OK = 200
_OK_INLINE = 201
_SEND_PASSWORD = 300

_SERVER = "CommuniGate Pro PWD"  # clients look for this name in the greeting
_VERSION = "6.0.5"

_MAX_LINE = 131_072  # bytes
_LONG = 4_096  # bytes of arguments that are read in a thread, so that other connections go on


async def serve_pwd(session: MailSession, stream: Stream) -> None:
    """Serve one connection."""
    await PwdConnection(session, stream).serve()


class PwdConnection:
    """One connection. USER and PASS, or APOP, log in. Then `run_command` runs the commands of the CLI.

    Each command gets one reply: a code and a text. Data follow in the next line, or after INLINE in the same line.
    """

    def __init__(self, session: MailSession, stream: Stream) -> None:
        self._session = session
        self._stream = stream
        self._challenge = new_challenge("PWD")
        self._name: bytes | None = None
        self._login: LoginRecord | None = None
        self._inline = False
        self._ended = False

    async def serve(self) -> None:
        """Greet the client, and run its commands until QUIT."""
        domain = self._session.local_domain
        self._reply(_OK, f"{domain} {_SERVER} Server {_VERSION} ready {self._challenge.decode()}")
        while not self._ended:
            try:
                await self._run(await self._stream.read_line(_MAX_LINE))
            except LineTooLong:
                self._session.log(Level.PROBLEMS, f"a line has more than {_MAX_LINE} bytes: ignored")
                self._reply(UNKNOWN_COMMAND, f"the line is too long; at most {_MAX_LINE} bytes")
            except CommandError as error:
                self._reply(error.code, str(error))

    async def _run(self, line: bytes) -> None:
        """Run one command. Raises CommandError."""
        name, _, argument = line.partition(b" ")
        if command := CONNECTION_COMMANDS.get(name.upper()):
            await command(self, argument)
            return
        login = self._logged_in()
        value = await run_command(Cli(self._session, login.account), line)
        if value is None:
            self._reply(_OK, "OK")
        elif self._inline:
            self._send(b"%d %b" % (_OK_INLINE, write(value)))
        else:
            self._reply(_OK, "data follow")
            self._send(write(value))

    async def _user(self, argument: bytes) -> None:
        """Take a name, which may contain spaces. It ends the login."""
        if not argument:
            raise CommandError(UNKNOWN_COMMAND, "USER needs a name")
        self._name, self._login = argument, None
        self._reply(_SEND_PASSWORD, "please send the PASS")

    async def _pass(self, argument: bytes) -> None:
        """Log in with the name from USER and a password: the rest of the line, unchanged."""
        name, self._name = self._name, None
        if name is None:
            raise CommandError(UNKNOWN_COMMAND, "send USER first")
        await self._log_in(PasswordClaim("PASS", name, Secret(argument)))

    async def _apop(self, argument: bytes) -> None:
        """Log in with a name, which may contain spaces, and a digest of the greeting."""
        name, _, digest = argument.rstrip().rpartition(b" ")
        if not name:
            raise CommandError(UNKNOWN_COMMAND, "APOP needs a name and a digest")
        await self._log_in(ResponseClaim("APOP", name, Secret(digest), Secret(self._challenge)))

    async def _stls(self, argument: bytes) -> None:
        """Start TLS, and forget the name that USER gave."""
        if argument or self._login or not self._session.may_start_tls:
            raise CommandError(UNKNOWN_COMMAND, "STLS is not possible now")
        self._reply(_OK, "begin TLS")
        await self._stream.start_tls()
        self._name = None

    async def _noop(self, argument: bytes) -> None:
        """Do nothing."""
        self._reply(_OK, "OK")

    async def _quit(self, argument: bytes) -> None:
        """End the connection."""
        self._reply(_OK, f"{self._session.local_domain} {_SERVER} connection closed")
        self._ended = True

    async def _data_inline(self, argument: bytes) -> None:
        """From now on, data come in the line of the reply."""
        self._logged_in()
        self._inline = True
        self._reply(_OK, "OK")

    async def _newpass(self, argument: bytes) -> None:
        """Set the own password of the logged-in account: the rest of the line, unchanged."""
        account = self._logged_in().account
        with Cli(self._session, account).change(account):
            set_own_password(account, Secret(argument))
        self._session.log_change(f"{account.account} changed the own password")
        self._reply(_OK, "Password updated")

    def _logged_in(self) -> LoginRecord:
        """Return the login. Raises CommandError if there is none, or if its account was deleted."""
        if self._login is None:
            raise CommandError(UNKNOWN_COMMAND, "log in first: send USER and PASS, or APOP")
        if self._session.accounts.get(self._login.account.account) is not self._login.account:
            raise CommandError(UNKNOWN_COMMAND, "your account was deleted; log in again")
        return self._login

    async def _log_in(self, claim: Claim) -> None:
        self._login = None
        match await self._session.log_in(claim):
            case LoginRecord() as login:
                self._login = login
                self._reply(_OK, "login OK, proceed")
            case LoginFailure.UNAVAILABLE:
                raise CommandError(FAILED, "temporary failure; try again later")
            case LoginFailure.NEEDS_TLS:
                raise CommandError(WRONG_PASSWORD, "send STLS first, or use APOP")
            case _:
                raise CommandError(WRONG_PASSWORD, "incorrect password or unknown account")

    def _reply(self, code: int, text: str) -> None:
        self._send(f"{code} {one_line(text)}".encode())

    def _send(self, line: bytes) -> None:
        self._stream.write(line + b"\r\n")


CONNECTION_COMMANDS: dict[bytes, Callable[[PwdConnection, bytes], Awaitable[None]]] = {
    b"USER": PwdConnection._user,
    b"PASS": PwdConnection._pass,
    b"APOP": PwdConnection._apop,
    b"STLS": PwdConnection._stls,
    b"NOOP": PwdConnection._noop,
    b"INLINE": PwdConnection._data_inline,
    b"NEWPASS": PwdConnection._newpass,
    b"QUIT": PwdConnection._quit,
}
"""The commands of the connection, by their names in capital letters. `run_command` runs all others."""

COMMANDS = {command.name: command for command in (*ACCOUNT_COMMANDS, *SETTINGS_COMMANDS, *SERVER_COMMANDS)}
"""The commands of the CLI, by their names in capital letters."""


async def run_command(cli: Cli, line: bytes) -> Value:
    """Run the command in `line`. Return the data of its reply, or None. Raises CommandError."""
    name, _, rest = line.partition(b" ")
    command = COMMANDS.get(name.decode(errors="replace").upper())
    if command is None:
        raise CommandError(UNKNOWN_COMMAND, "unknown command")
    try:
        arguments = await asyncio.to_thread(read_arguments, rest) if len(rest) > _LONG else read_arguments(rest)
    except MalformedData as error:
        raise CommandError(FAILED, f"{command.name}: {error} of the arguments") from None
    try:
        _check_right(cli, command, arguments)
        return await command.run(cli, arguments)
    except CommandError as error:
        if isinstance(error, WrongArguments):
            error = CommandError(FAILED, f"wrong arguments; use: {command.name} {command.arguments}".rstrip())
        cli.log_failure(command.name, error)
        raise error from None


def _check_right(cli: Cli, command: CliCommand, arguments: list[Value]) -> None:
    """Refuse the command, and log that, if the caller lacks the right, or if the account has more rights."""
    address, domain = None, ""
    if command.need in (Need.ONE_ACCOUNT, Need.ACCESS_RIGHTS):
        if not arguments:
            raise WrongArguments
        address = cli.address(arguments[0])
        domain = address.domain
    elif command.need is Need.ONE_DOMAIN:
        domain = cli.domain(arguments[0]).name if arguments else cli.caller.account.domain
    cli.check_right(command.name, command.need, domain)
    if address is not None and not command.any_rank:
        cli.check_rank(command.name, address)

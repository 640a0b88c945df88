"""The table of all commands of the CLI, and how one is run: find it, check the right, run it."""

from __future__ import annotations

from extauth.harness.mail.pwd.account_commands import ACCOUNT_COMMANDS
from extauth.harness.mail.pwd.cli import FAILED, UNKNOWN_COMMAND, Cli, Command, CommandError, WrongArguments
from extauth.harness.mail.pwd.rights import Need
from extauth.harness.mail.pwd.server_commands import SERVER_COMMANDS
from extauth.harness.mail.pwd.settings_commands import SETTINGS_COMMANDS
from extauth.protocol.data_format import MalformedData, Value, read_arguments

COMMANDS = {command.name: command for command in (*ACCOUNT_COMMANDS, *SETTINGS_COMMANDS, *SERVER_COMMANDS)}
"""Every command by its name in capital letters."""


async def run_command(cli: Cli, line: bytes) -> Value:
    """Run the command in `line`. Return the data of its reply, or None. Raises CommandError."""
    name, _, rest = line.partition(b" ")
    command = COMMANDS.get(name.decode(errors="replace").upper())
    if command is None:
        raise CommandError(UNKNOWN_COMMAND, "unknown command")
    try:
        arguments = read_arguments(rest)
    except MalformedData as error:
        raise CommandError(FAILED, f"{command.name}: {error} of the arguments") from None
    try:
        _check_right(cli, command, arguments)
        return await command.run(cli, arguments)
    except WrongArguments:
        raise CommandError(FAILED, f"wrong arguments; use: {command.name} {command.arguments}".rstrip()) from None


def _check_right(cli: Cli, command: Command, arguments: list[Value]) -> None:
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

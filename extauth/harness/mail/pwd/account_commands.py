"""The commands for accounts and their aliases."""

from __future__ import annotations

from extauth.harness.mail.pwd.cli import FAILED, NAME_EXISTS, Cli, CliCommand, CommandError, WrongArguments, check_count
from extauth.harness.mail.pwd.rights import Need
from extauth.harness.mail.pwd.settings_commands import update_settings
from extauth.harness.mail.setting_names import ACCOUNT_SETTINGS
from extauth.model import Account
from extauth.protocol.data_format import Value


async def create(cli: Cli, arguments: list[Value]) -> None:
    """Create an account. The type of its mailbox means nothing here."""
    match arguments:
        case [str() as name]:
            settings: dict[str, Value] = {}
        case [str() as name, str() as kind] if kind:
            settings = {}
        case [str() as name, dict(settings)]:
            pass
        case [str() as name, str() as kind, dict(settings)] if kind:
            pass
        case _:
            raise WrongArguments
    address = _free_name(cli, name)
    with cli.change(address.domain):
        update_settings(cli, cli.accounts.add(address), settings)
    cli.log_change(f"created {address}")
    cli.log_without_effect(f"settings of {address}", settings, ACCOUNT_SETTINGS)


async def rename(cli: Cli, arguments: list[Value]) -> None:
    """Rename an account. Its aliases and access rights stay, if it stays in its domain."""
    match arguments:
        case [old, str(word), str() as new] if word.upper() == "INTO":
            account, address = cli.account(old), cli.address(new)
        case _:
            raise WrongArguments
    cli.check_right("RENAMEACCOUNT", Need.ONE_ACCOUNT, address.domain)
    if address.domain != account.account.domain:
        raise CommandError(FAILED, "an account cannot move to another domain")
    _free_name(cli, new)
    old_address = account.account
    with cli.change(account):
        cli.accounts.rename(account, address)
    cli.log_change(f"renamed {old_address} to {address}")


async def delete(cli: Cli, arguments: list[Value]) -> None:
    """Delete an account with its aliases."""
    match arguments:
        case [name]:
            account = cli.account(name)
        case _:
            raise WrongArguments
    cli.check_not_own("DELETEACCOUNT", account, "would delete your own account; another administrator can do that")
    with cli.change(account):
        cli.accounts.remove(account)
    cli.log_change(f"deleted {account.account}")


async def list_accounts(cli: Cli, arguments: list[Value]) -> Value:
    """Return the accounts of a domain and their types. `macnt` is an account with many mailboxes."""
    match arguments:
        case []:
            domain = cli.caller.account.domain
        case [name]:
            domain = cli.domain(name).name
        case _:
            raise WrongArguments
    return {account.account.name: "macnt" for account in cli.accounts.of_domain(domain)}


async def get_aliases(cli: Cli, arguments: list[Value]) -> Value:
    """Return the aliases of an account."""
    match arguments:
        case [name]:
            return list(cli.account(name).aliases)
        case _:
            raise WrongArguments


async def set_aliases(cli: Cli, arguments: list[Value]) -> None:
    """Replace the aliases of an account."""
    match arguments:
        case [name, list(names)]:
            account = cli.account(name)
        case _:
            raise WrongArguments
    check_count(names, "aliases")
    aliases = []
    for alias in names:
        if not isinstance(alias, str) or not alias or "@" in alias:
            raise CommandError(FAILED, "an alias must be a name without a domain")
        address = cli.address(f"{alias}@{account.account.domain}")
        if cli.accounts.existing(address) not in (None, account) or address == account.account:
            raise CommandError(NAME_EXISTS, "account name already exists")
        aliases.append(address.name)
    with cli.change(account):
        cli.accounts.set_aliases(account, tuple(dict.fromkeys(aliases)))
    cli.log_change(f"set the aliases of {account.account}")


def _free_name(cli: Cli, name: str) -> Account:
    address = cli.address(name)
    if cli.accounts.get(address) is not None:
        raise CommandError(NAME_EXISTS, "account name already exists")
    return address


ACCOUNT_COMMANDS = (
    CliCommand("CREATEACCOUNT", "account [type] [{settings}]", Need.ONE_ACCOUNT, create, any_rank=True),
    CliCommand("RENAMEACCOUNT", "account INTO new-name", Need.ONE_ACCOUNT, rename),
    CliCommand("DELETEACCOUNT", "account", Need.ONE_ACCOUNT, delete),
    CliCommand("LISTACCOUNTS", "[domain]", Need.ONE_DOMAIN, list_accounts),
    CliCommand("GETACCOUNTALIASES", "account", Need.ONE_ACCOUNT, get_aliases, any_rank=True),
    CliCommand("SETACCOUNTALIASES", "account (alias, ...)", Need.ONE_ACCOUNT, set_aliases),
)

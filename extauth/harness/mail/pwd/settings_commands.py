"""The commands for the passwords and the settings of accounts."""

from __future__ import annotations

import msgspec

from extauth.harness.mail.accounts import MailAccount
from extauth.harness.mail.pwd.cli import (
    FAILED,
    WRONG_PASSWORD,
    Cli,
    CliCommand,
    CommandError,
    WrongArguments,
    check_count,
)
from extauth.harness.mail.pwd.cli import set_own_password as set_own
from extauth.harness.mail.pwd.rights import Need
from extauth.harness.mail.setting_names import ACCOUNT_SETTINGS, PASSWORD, by_server_names, with_named
from extauth.model import Secret
from extauth.protocol.data_format import Value

_DEFAULT = "default"


async def set_password(cli: Cli, arguments: list[Value]) -> None:
    """Set the own password of an account. CHECK is for passwords that a user chose; here it means nothing."""
    match arguments:
        case [name, str(word), str(password)] if word.upper() == "PASSWORD":
            pass
        case [name, str(word), str(password), str(check)] if (word.upper(), check.upper()) == ("PASSWORD", "CHECK"):
            pass
        case _:
            raise WrongArguments
    account = cli.account(name)
    with cli.change(account):
        set_own(account, _secret(password))
    cli.log_change(f"set the own password of {account.account}")


async def verify_password(cli: Cli, arguments: list[Value]) -> None:
    """Check a password as a login does: the own one, then the OS password, then the External one."""
    match arguments:
        case [name, str(word), str(password)] if word.upper() == "PASSWORD":
            account = cli.account(name)
        case _:
            raise WrongArguments
    if not await cli.session.password_matches(account, _secret(password)):
        raise CommandError(WRONG_PASSWORD, "incorrect password")


async def get_plain_password(cli: Cli, arguments: list[Value]) -> Value:
    """Return the own password of an account, if it is stored in clear text."""
    account = _one_account(cli, arguments)
    if account.own_password is None or account.own_password.is_hash:
        raise CommandError(FAILED, "the account has no own password in clear text")
    return account.own_password.stored.reveal().decode(errors="surrogateescape")


async def get_settings(cli: Cli, arguments: list[Value]) -> Value:
    """Return the settings that the account itself has, without its password."""
    return dict(_one_account(cli, arguments).own_settings)


async def get_effective_settings(cli: Cli, arguments: list[Value]) -> Value:
    """Return all settings that count for the account, with the defaults of its domain."""
    account = _one_account(cli, arguments)
    return by_server_names(msgspec.structs.asdict(account.settings)) | account.own_settings


async def update(cli: Cli, arguments: list[Value]) -> None:
    """Change some settings of an account."""
    match arguments:
        case [name, dict(settings)]:
            account = cli.account(name)
        case _:
            raise WrongArguments
    with cli.change(account):
        update_settings(cli, account, settings)
    cli.log_change(f"changed settings of {account.account}: {', '.join(settings)}")
    cli.log_without_effect(f"settings of {account.account}", settings, ACCOUNT_SETTINGS)


def update_settings(cli: Cli, account: MailAccount, settings: dict[str, Value]) -> None:
    """Change some settings of an account. The caller saves the change, or undoes it after CommandError.

    `default` removes a setting. `Password` sets the own password; `default` removes it.
    """
    all_settings = account.own_settings | settings
    new = {name: value for name, value in all_settings.items() if value != _DEFAULT and name != PASSWORD}
    check_count(new, "settings")
    try:
        effective = with_named(cli.accounts.defaults_of(account), new)
    except ValueError as error:
        raise CommandError(FAILED, str(error)) from None
    if effective.use_os_password and not cli.accounts.use_os_passwords:
        raise CommandError(FAILED, "UseSysPassword: no account of the accounts file has use_os_password, so PAM is off")
    account.set_settings(new, effective)
    password = settings.get(PASSWORD)
    if password == _DEFAULT:
        account.set_own_password(None)
    elif isinstance(password, str):
        set_own(account, _secret(password))
    elif password is not None:
        raise CommandError(FAILED, "Password must be a string")


def _one_account(cli: Cli, arguments: list[Value]) -> MailAccount:
    match arguments:
        case [name]:
            return cli.account(name)
        case _:
            raise WrongArguments


def _secret(password: str) -> Secret:
    return Secret(password.encode(errors="surrogateescape"))


SETTINGS_COMMANDS = (
    CliCommand("SETACCOUNTPASSWORD", "account PASSWORD password [CHECK]", Need.ONE_ACCOUNT, set_password),
    CliCommand("VERIFYACCOUNTPASSWORD", "account PASSWORD password", Need.ONE_ACCOUNT, verify_password),
    CliCommand("GETACCOUNTPLAINPASSWORD", "account", Need.ONE_ACCOUNT, get_plain_password),
    CliCommand("GETACCOUNTSETTINGS", "account", Need.ONE_ACCOUNT, get_settings, any_rank=True),
    CliCommand("GETACCOUNTEFFECTIVESETTINGS", "account", Need.ONE_ACCOUNT, get_effective_settings, any_rank=True),
    CliCommand("UPDATEACCOUNTSETTINGS", "account {settings}", Need.ONE_ACCOUNT, update),
)

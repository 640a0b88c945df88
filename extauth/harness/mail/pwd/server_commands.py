"""The commands for access rights, domains, the modules of the mail server, and its log."""

from __future__ import annotations

from collections.abc import MutableMapping

from extauth.harness.mail.pwd.cli import FAILED, Cli, CliCommand, CommandError, WrongArguments, check_count
from extauth.harness.mail.pwd.rights import Need, Right, check_grantable
from extauth.harness.mail.restrictions import LISTENER_SETTINGS, MODULES, read_restriction
from extauth.harness.mail.server_settings import DOMAIN_SETTINGS, TLS_MODULE, TLS_SETTINGS, read_tls_settings
from extauth.harness.mail.tls.certificates import now_utc
from extauth.harness.mail.tls.domain_security import SETTINGS as SECURITY_SETTINGS
from extauth.harness.mail.tls.domain_security import update_domain
from extauth.log_levels import Level
from extauth.protocol.data_format import Value

_KNOWN = dict.fromkeys(MODULES.values(), LISTENER_SETTINGS) | {TLS_MODULE: TLS_SETTINGS}


async def get_rights(cli: Cli, arguments: list[Value]) -> Value:
    """Return the access rights of an account."""
    match arguments:
        case [name]:
            return list(cli.account(name).rights)
        case _:
            raise WrongArguments


async def set_rights(cli: Cli, arguments: list[Value]) -> None:
    """Replace the access rights of an account."""
    match arguments:
        case [name, list(names)]:
            account = cli.account(name)
        case _:
            raise WrongArguments
    check_count(names, "access rights")
    try:
        rights = check_grantable(names, account.account.domain, cli.accounts.main_domain)
    except ValueError as error:
        raise CommandError(FAILED, str(error)) from None
    if Right.UNLIMITED in account.rights and Right.UNLIMITED not in rights:
        reason = "would take Master from your own account; another administrator can do that"
        cli.check_not_own("SETACCOUNTRIGHTS", account, reason)
    with cli.change(account):
        account.set_rights(rights)
    cli.log_change(f"set the access rights of {account.account} to ({', '.join(rights)})")


async def list_domains(cli: Cli, arguments: list[Value]) -> Value:
    """Return the names of all domains."""
    if arguments:
        raise WrongArguments
    return [domain.name for domain in cli.accounts.domains]


async def main_domain_name(cli: Cli, arguments: list[Value]) -> Value:
    """Return the name of the main domain."""
    if arguments:
        raise WrongArguments
    return cli.accounts.main_domain


async def get_domain_settings(cli: Cli, arguments: list[Value]) -> Value:
    """Return the settings of a domain."""
    match arguments:
        case []:
            return dict(cli.domain(cli.caller.account.domain).settings)
        case [name]:
            return dict(cli.domain(name).settings)
        case _:
            raise WrongArguments


async def update_domain_settings(cli: Cli, arguments: list[Value]) -> None:
    """Change some settings of a domain: all of them, or none and raise CommandError."""
    match arguments:
        case [str() as name, dict(settings)]:
            domain = cli.domain(name)
        case _:
            raise WrongArguments
    check_count({**domain.settings, **settings}, "settings")
    try:
        with cli.change(domain.name):
            update_domain(domain, settings, now_utc())
    except ValueError as error:
        raise CommandError(FAILED, str(error)) from None
    cli.log_change(f"changed settings of the domain {domain.name}: {', '.join(settings)}")
    cli.log_without_effect(f"settings of the domain {domain.name}", settings, DOMAIN_SETTINGS | SECURITY_SETTINGS)


async def get_module(cli: Cli, arguments: list[Value]) -> Value:
    """Return the settings of a module, such as SMTP."""
    match arguments:
        case [str() as name]:
            return dict(cli.accounts.module_settings.get(_module(name), {}))
        case _:
            raise WrongArguments


async def update_module(cli: Cli, arguments: list[Value]) -> None:
    """Change some settings of a module. Its Grant and Deny lists count for new connections. Others are only kept."""
    match arguments:
        case [str() as name, dict(changes)]:
            module = _module(name)
        case _:
            raise WrongArguments
    settings = dict(cli.accounts.module_settings.get(module, {}))
    _update(settings, changes)
    check_count(settings, "settings")
    for value in changes.values():
        if isinstance(value, list):
            check_count(value, "values in a list")
    try:
        read_restriction(settings)
        read_tls_settings({module: settings})
    except ValueError as error:
        raise CommandError(FAILED, str(error)) from None
    with cli.change(cli.accounts.main_domain):
        cli.accounts.set_module(module, settings)
    cli.log_change(f"changed settings of the module {module}: {', '.join(changes)}")
    if module in _KNOWN:
        cli.log_without_effect(f"settings of the module {module}", changes, _KNOWN[module])
    else:
        cli.log_without_effect("module", [module], _KNOWN)


async def write_log(cli: Cli, arguments: list[Value]) -> None:
    """Write a record into the log."""
    match arguments:
        case [str() | int() as level, str(), *_] if str(level) in set("012345"):
            words = arguments[1:]
        case _:
            raise WrongArguments
    if not all(isinstance(word, str) for word in words):
        raise WrongArguments
    cli.session.log(Level(int(level)), f"{cli.caller.account}: {' '.join(map(str, words))}")


def _module(name: str) -> str:
    """Return the name of a module. It may have the name of its listener: POP3 for POP."""
    return MODULES.get(name.lower(), name.upper())


def _update(settings: MutableMapping[str, Value], changes: dict[str, Value]) -> None:
    """Apply `changes`. The value `default` removes a setting."""
    for name, value in changes.items():
        if value == "default":
            settings.pop(name, None)
        else:
            settings[name] = value


SERVER_COMMANDS = (
    CliCommand("GETACCOUNTRIGHTS", "account", Need.ONE_ACCOUNT, get_rights, any_rank=True),
    CliCommand("SETACCOUNTRIGHTS", "account (right, ...)", Need.ACCESS_RIGHTS, set_rights),
    CliCommand("LISTDOMAINS", "", Need.ALL_DOMAINS, list_domains),
    CliCommand("MAINDOMAINNAME", "", Need.NOTHING, main_domain_name),
    CliCommand("GETDOMAINSETTINGS", "[domain]", Need.ONE_DOMAIN, get_domain_settings),
    CliCommand("UPDATEDOMAINSETTINGS", "domain {settings}", Need.ONE_DOMAIN, update_domain_settings),
    CliCommand("GETMODULE", "module", Need.SERVER_SETTINGS, get_module),
    CliCommand("UPDATEMODULE", "module {settings}", Need.SERVER_SETTINGS, update_module),
    CliCommand("WRITELOG", "level text", Need.MONITOR, write_log),
)

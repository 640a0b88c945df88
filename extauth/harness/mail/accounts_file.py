"""Reads the accounts file, which is TOML (docs/mail-server.md). Errors name the file, the key and the value."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec

from extauth.errors import ConfigError, MalformedRequest
from extauth.harness.mail.account_list import read_account_list
from extauth.harness.mail.accounts import Accounts, AccountSettings, Domain, MailAccount
from extauth.harness.mail.os_password import check_service_file
from extauth.harness.mail.own_password import OwnPassword, read_hash
from extauth.harness.mail.pwd.rights import Right
from extauth.harness.mail.restrictions import AddressRange, read_address_range, read_listener
from extauth.harness.mail.server_settings import (
    TLS_LOG_LEVEL,
    TLS_MODULE,
    TLS_TIME_TO_LIVE,
    check_domain_settings,
    read_tls_settings,
)
from extauth.harness.mail.setting_names import by_server_names, domain_settings
from extauth.harness.mail.tls.pem_files import read_optional_pair
from extauth.log_levels import LEVEL_NAMES, LevelName
from extauth.model import Account, Secret
from extauth.protocol.accounts import AccountParser, canonical_domain
from extauth.settings import Settings, convert, parse_toml

_ANY_NAME = "*"


class TopLevelTable(Settings, frozen=True):
    """The keys at the top of the file."""

    grant_access_to_clients_only: bool = False
    client_addresses: tuple[str, ...] = ()
    count_temporary_failures: bool = False
    pam_service: str = "login"
    pam_service_folder: Path | None = None
    tls_time_to_live: str = "1m"
    tls_log_level: LevelName = "All Info"
    listener: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    defaults: dict[str, Any] = msgspec.field(default_factory=dict)
    domain: tuple[dict[str, Any], ...] = ()


class DomainTable(Settings, frozen=True):
    """The keys of a `[[domain]]`. In `os_user_name`, `*` stands for the account name."""

    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    os_user_name: str = "*"
    certificate: Path | None = None
    key: Path | None = None
    external_on_unknown: bool = False
    external_on_provision: bool = False
    failed_login_flow: tuple[int, str] = (10, "1m")
    accounts_from: Path | None = None
    defaults: dict[str, Any] = msgspec.field(default_factory=dict)
    account: tuple[dict[str, Any], ...] = ()


class AccountTable(AccountSettings, frozen=True, kw_only=True):
    """The keys of a `[[domain.account]]`. The inherited ones may have defaults in the domain and in the file.

    name: `*` for every name that is not the name of another account
    """

    name: str
    password: str | None = None
    password_hash: str | None = None


def read_accounts(path: Path) -> Accounts:
    """Read the accounts file. Raises ConfigError if it cannot be read or is invalid."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    top = convert(parse_toml(data, path), TopLevelTable, path)
    convert(top.defaults, AccountSettings, path, "[defaults]")
    if not top.domain:
        raise ConfigError(f"{path}: has no [[domain]], so nobody could log in; see docs/mail-server.md")
    domains: list[Domain] = []
    accounts: list[MailAccount] = []
    for number, table in enumerate(top.domain, start=1):
        section = f"[[domain]] number {number},"
        read = convert(table, DomainTable, path, section)
        domain = _domain(read, top.defaults, path, section, table)
        for account in _accounts(read, domain, path):
            if account.account.name == _ANY_NAME:
                domain = _with_any_name(domain, account, path)
            else:
                accounts.append(account)
        domains.append(domain)
    _check_unique("domain or alias", (name for domain in domains for name in (domain.name, *domain.aliases)), path)
    _check_unique("address", (address for domain in domains for address in domain.addresses), path)
    _check_unique("account", (account.account.address for account in accounts), path)
    for account in accounts:
        if account.account == Account("postmaster", domains[0].name):
            account.set_rights((Right.UNLIMITED,))
    result = Accounts(
        domains,
        accounts,
        clients_only=top.grant_access_to_clients_only,
        clients=[_address_range(address, f"{path}: client_addresses") for address in top.client_addresses],
        count_temporary_failures=top.count_temporary_failures,
        pam_service=top.pam_service,
        pam_service_folder=top.pam_service_folder,
    )
    level = LEVEL_NAMES[top.tls_log_level]
    result.module_settings[TLS_MODULE] = {TLS_TIME_TO_LIVE: top.tls_time_to_live, TLS_LOG_LEVEL: f"{level:d}"}
    try:
        read_tls_settings(result.module_settings)
    except ValueError as error:
        raise ConfigError(f"{path}: tls_time_to_live = {top.tls_time_to_live!r}: {error}") from None
    for name, table in top.listener.items():
        module, settings = read_listener(name, table, path)
        result.module_settings[module] = settings
    if result.use_os_passwords:
        try:
            check_service_file(top.pam_service, top.pam_service_folder)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    return result


def _domain(table: DomainTable, defaults: dict[str, Any], path: Path, section: str, given: Collection[str]) -> Domain:
    """Return the domain. `given`: the keys that the file has."""
    names = []
    for key, name in (("name", table.name), *(("aliases", alias) for alias in table.aliases)):
        canonical = canonical_domain(name)
        if canonical is None:
            raise ConfigError(f"{path}: {section} {key}: {name!r} must be a host name, such as example.com")
        names.append(canonical)
    for address in table.addresses:
        if not is_loopback(address):
            raise ConfigError(f"{path}: {section} addresses: {address!r} must be a loopback address, such as 127.0.0.5")
    if "*" not in table.os_user_name:
        raise ConfigError(
            f"{path}: {section} os_user_name = {table.os_user_name!r}: must contain *, or all accounts share one user"
        )
    try:
        security = read_optional_pair(table.certificate, table.key)
    except ConfigError as error:
        raise ConfigError(f"{path}: {section} certificate and key: {error}") from None
    convert(table.defaults, AccountSettings, path, f"[domain.defaults] of {names[0]},")
    account_defaults = convert({**defaults, **table.defaults}, AccountSettings, path)
    settings = domain_settings({key: getattr(table, key) for key in given})
    try:
        check_domain_settings(settings)
    except ValueError as error:
        raise ConfigError(f"{path}: {section} failed_login_flow: {error}") from None
    return Domain(names[0], tuple(names[1:]), table.addresses, security, table.os_user_name, account_defaults, settings)


def _with_any_name(domain: Domain, account: MailAccount, path: Path) -> Domain:
    """Return the domain in which every other name is an account like `account`."""
    if domain.any_name is not None:
        raise ConfigError(f"{path}: the account '*@{domain.name}' appears twice")
    if account.own_password is not None:
        raise ConfigError(f"{path}: the account '*@{domain.name}' must not have a password: it would open all accounts")
    return msgspec.structs.replace(domain, any_name=account)


def _accounts(table: DomainTable, domain: Domain, path: Path) -> Iterator[MailAccount]:
    parser = AccountParser(domain.name)
    for number, account_table in enumerate(table.account, start=1):
        section = f"[[domain.account]] number {number} of {domain.name},"
        read = convert(account_table, AccountTable, path, section)
        try:
            account = parser.parse(read.name)
        except MalformedRequest as error:
            raise ConfigError(f"{path}: {section} name = {read.name!r}: has {error}") from None
        if "@" in read.name or account is None:
            raise ConfigError(f"{path}: {section} name = {read.name!r}: must not contain a domain")
        own = {key: getattr(read, key) for key in AccountSettings.__struct_fields__ if key in account_table}
        settings = msgspec.structs.replace(domain.defaults, **own)
        os_user = domain.os_user_name.replace("*", account.name)
        password = _own_password(read, path, section)
        yield MailAccount(account, settings, os_user, password, by_server_names(own), in_file=True)
    if table.accounts_from is not None:
        for account, password in read_account_list(table.accounts_from, domain.name):
            os_user = domain.os_user_name.replace("*", account.name)
            yield MailAccount(account, domain.defaults, os_user, password, in_file=True)


def _own_password(table: AccountTable, path: Path, section: str) -> OwnPassword | None:
    if table.password and table.password_hash:
        raise ConfigError(f"{path}: {section} password and password_hash: set only one of them")
    if table.password_hash:
        try:
            return read_hash(table.password_hash)
        except ValueError as error:
            raise ConfigError(f"{path}: {section} password_hash = (not shown): {error}") from None
    return OwnPassword(Secret(table.password.encode())) if table.password else None


def _address_range(text: str, where: str) -> AddressRange:
    try:
        return read_address_range(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def is_loopback(address: str) -> bool:
    """Return True if `address` is a loopback address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _check_unique(kind: str, values: Iterable[str], path: Path) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise ConfigError(f"{path}: the {kind} {value!r} appears twice")
        seen.add(value)

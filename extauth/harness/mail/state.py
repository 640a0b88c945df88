"""What the CLI has changed, in files of the base directory, so that it survives a restart (docs/mail-server-pwd.md).

The files of the main domain are in `Settings`, those of another one in `Domains/NAME/Settings`:

    Access.settings    the access rights of each account that has some
    Accounts.settings  each account that is not as the accounts file has it; #NULL# for a deleted one
    Domain.settings    the settings of the domain

`Settings/Modules.settings` has the settings of the modules, and `Settings/Main.settings` the name of the main domain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extauth.errors import ConfigError, MalformedRequest
from extauth.harness.mail.accounts import Accounts, Domain, MailAccount
from extauth.harness.mail.own_password import OwnPassword, parse_hash
from extauth.harness.mail.pwd.rights import check_grantable
from extauth.harness.mail.restrictions import read_restriction
from extauth.harness.mail.server_settings import check_domain_settings, read_tls_settings
from extauth.harness.mail.setting_names import with_named
from extauth.harness.mail.state_files import StateFiles, line
from extauth.harness.mail.tls.domain_security import read_settings
from extauth.model import Account, Secret
from extauth.protocol.accounts import AccountParser
from extauth.protocol.data_format import Value

_MAIN = "Settings/Main.settings"
_MODULES = "Settings/Modules.settings"
_PASSWORD = "Password"  # noqa: S105  # the name of a key
_HASH = "PasswordHash"
_KEYS = ("Settings", "Aliases", _PASSWORD, _HASH)


class State:
    """Loads the files into the accounts, and saves each change from then on. Raises ConfigError if a file is damaged.

    A file that is damaged is left as it is.
    """

    def __init__(self, files: StateFiles, accounts: Accounts) -> None:
        self._files = files
        self._accounts = accounts
        self._lines: dict[str, dict[str, tuple[object, bytes]]] = {}  # by domain and account
        self._check_main_domain()
        for domain in accounts.domains:
            self._load_settings(domain)
            self._load_accounts(domain)
            self._load_rights(domain)
        self._load_modules()
        accounts.save_with(self._save)

    def _save(self, domain: str) -> None:
        """Save a domain, and the modules. Rights go first: a crash must not give them to a new account."""
        self._save_values(_MAIN, {"DomainName": self._accounts.main_domain})
        self._save_values(self._name(domain, "Access"), self._rights(domain))
        self._files.save(self._name(domain, "Accounts"), self._account_lines(domain))
        self._save_values(self._name(domain, "Domain"), self._settings(domain))
        self._save_values(_MODULES, self._accounts.changed_modules)

    def _save_values(self, name: str, values: Mapping[str, Value]) -> None:
        self._files.save(name, map(line, values, values.values()))

    def _check_main_domain(self) -> None:
        """Refuse the files of another main domain: its access rights would go to other people."""
        main = self._files.read(_MAIN, {})
        if main is not None and main.get("DomainName") != self._accounts.main_domain:
            raise ConfigError(
                f"{self._files.path(_MAIN)}: DomainName must be {self._accounts.main_domain}, the first domain of the "
                "accounts file; correct one of the two, or choose another --base-directory"
            )

    def _load_settings(self, domain: Domain) -> None:
        name = self._name(domain.name, "Domain")
        settings = self._files.read(name, domain.settings)
        if settings is not None:
            try:
                check_domain_settings(settings)
                read_settings(settings)
            except ValueError as error:
                raise self._error(name, str(error)) from None
            domain.settings.clear()
            domain.settings.update(settings)

    def _load_accounts(self, domain: Domain) -> None:
        file = self._name(domain.name, "Accounts")
        records = self._files.read(file, {}) or {}
        addresses = {name: self._address(file, name, domain.name) for name in records}
        for name, record in records.items():
            if record is None:
                self._accounts.remove_name(addresses[name])
        loaded = []
        for name, record in records.items():
            if record is not None:
                try:
                    loaded.append((name, *self._load_account(addresses[name], record)))
                except ValueError as error:
                    raise self._error(file, f"{name}: {error}") from None
        for name, account, aliases in loaded:
            for alias in aliases:
                if self._accounts.existing(self._address(file, alias, domain.name)) is not None:
                    raise self._error(file, f"{name}: the alias {alias} is also the name of another account")
            self._accounts.set_aliases(account, aliases)

    def _load_account(self, address: Account, record: Value) -> tuple[MailAccount, tuple[str, ...]]:
        """Load an account. Return it with its aliases. Raises ValueError."""
        if not isinstance(record, dict):
            raise ValueError("must be a dictionary, or #NULL# for a deleted account")
        own, names = record.get("Settings", {}), record.get("Aliases", ())
        if not isinstance(own, dict):
            raise ValueError("Settings must be a dictionary")
        if not isinstance(names, list | tuple):
            raise ValueError("Aliases must be an array")
        aliases = tuple(name for name in names if isinstance(name, str))
        if len(aliases) < len(names):
            raise ValueError("Aliases must be names")
        if record.keys() - set(_KEYS):
            raise ValueError(f"must have only the keys {', '.join(_KEYS)}")
        account = self._accounts.existing(address) or self._accounts.add(address)
        effective = with_named(self._accounts.defaults_of(account), own)
        if effective.use_os_password and not self._accounts.use_os_passwords:
            raise ValueError("has UseSysPassword, but no account of the accounts file has use_os_password")
        account.set_settings(own, effective)
        account.set_own_password(_own_password(record))
        self._accounts.set_changed(account)
        return account, aliases

    def _load_rights(self, domain: Domain) -> None:
        """Give the accounts their rights. Names without an account are ignored."""
        file = self._name(domain.name, "Access")
        rights = self._files.read(file, self._rights(domain.name))
        if rights is None:
            return
        for account in self._accounts.of_domain(domain.name):
            account.set_rights(())
        for name, names in rights.items():
            if not isinstance(names, list):
                raise self._error(file, f"{name}: must be an array of access rights, such as (Domain, BasicSettings)")
            address = self._address(file, name, domain.name)
            found = self._accounts.get(address)
            if found is not None and found.account == address:
                try:
                    found.set_rights(check_grantable(names, domain.name, self._accounts.main_domain))
                except ValueError as error:
                    raise self._error(file, f"{name}: {error}") from None

    def _load_modules(self) -> None:
        for name, settings in (self._files.read(_MODULES, self._accounts.changed_modules) or {}).items():
            if not isinstance(settings, dict):
                raise self._error(_MODULES, f"{name}: must be a dictionary of settings")
            try:
                read_restriction(settings)
                read_tls_settings({name: settings})
            except ValueError as error:
                raise self._error(_MODULES, f"{name}: {error}") from None
            self._accounts.set_module(name, settings)

    def _rights(self, domain: str) -> dict[str, Value]:
        return {account.account.name: account.rights for account in self._accounts.of_domain(domain) if account.rights}

    def _account_lines(self, domain: str) -> Iterator[bytes]:
        """Yield the lines of all changed accounts. Only those that have changed since the last time are rendered."""
        before, now = self._lines.get(domain, {}), {}
        for address, account in self._accounts.changed(domain):
            content = account and (account.own_settings, account.aliases, account.own_password)
            known = before.get(address.name)
            if known is None or known[0] != content:
                known = content, line(address.name, None if account is None else _record(account))
            now[address.name] = known
        self._lines[domain] = now
        return (now[name][1] for name in sorted(now))

    def _settings(self, domain: str) -> dict[str, Value]:
        found = self._accounts.find_domain(domain)
        assert found is not None
        return found.settings

    def _name(self, domain: str, kind: str) -> str:
        folder = "" if domain == self._accounts.main_domain else f"Domains/{domain}/"
        return f"{folder}Settings/{kind}.settings"

    def _address(self, file: str, name: str, domain: str) -> Account:
        try:
            account = AccountParser().parse(f"{name}@{domain}")
        except MalformedRequest:
            account = None
        if account is None or account.name != name:
            raise self._error(file, f"{name!r} is not the name of an account")
        return account

    def _error(self, file: str, problem: str) -> ConfigError:
        return ConfigError(f"{self._files.path(file)}: {problem}; repair it, or move it away")


def _record(account: MailAccount) -> Value:
    record: dict[str, Value] = {}
    if account.own_settings:
        record["Settings"] = account.own_settings
    if account.aliases:
        record["Aliases"] = account.aliases
    password = account.own_password
    if password is not None:
        key = _HASH if password.is_hash else _PASSWORD
        record[key] = password.stored.reveal().decode(errors="surrogateescape")
    return record


def _own_password(record: dict[str, Value]) -> OwnPassword | None:
    """Return the password in `record`. Raises ValueError."""
    match record.get(_PASSWORD), record.get(_HASH):
        case None, None:
            return None
        case str() as password, None:
            return OwnPassword(Secret(password.encode(errors="surrogateescape")))
        case None, str() as stored:
            try:
                return parse_hash(stored)
            except ValueError as error:
                raise ValueError(f"{_HASH} {error}") from None
    raise ValueError(f"must have one of {_PASSWORD} and {_HASH}, a string, or none")

"""The domains and accounts of the mail server, and the lookup of an account by its address.

Accounts and settings can change while the mail server runs: `Accounts.change` makes and saves one change.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from extauth.harness.mail.account import AccountSettings, Domain, MailAccount
from extauth.harness.mail.restrictions import AddressRange
from extauth.harness.mail.server_settings import FailedLoginFlow, failed_login_flow
from extauth.model import Account
from extauth.protocol.accounts import AccountParser, canonical_domain
from extauth.protocol.data_format import Value

__all__ = ["AccountSettings", "Accounts", "Domain", "MailAccount"]


class _Tables(msgspec.Struct):
    """Everything that a change can replace.

    changed: the accounts that are not as the accounts file has them; those that are deleted belong to these
    changed_modules: the same for modules
    """

    accounts: dict[Account, MailAccount]
    aliases: dict[Account, MailAccount]
    changed: set[Account]
    modules: dict[str, dict[str, Value]]
    changed_modules: set[str]

    def copied(self) -> _Tables:
        """Return a copy. The accounts themselves are the same."""
        return _Tables(*(copy.copy(getattr(self, field)) for field in self.__struct_fields__))


class Accounts:
    """All domains and accounts. The first domain is the main domain."""

    def __init__(
        self,
        domains: Sequence[Domain],
        accounts: Sequence[MailAccount],
        *,
        clients_only: bool,
        clients: Sequence[AddressRange],
        count_temporary_failures: bool,
        pam_service: str,
        pam_service_folder: Path | None,
    ) -> None:
        self.domains = domains
        self.clients_only = clients_only
        self.clients = clients
        self.count_temporary_failures = count_temporary_failures
        self.pam_service = pam_service
        self.pam_service_folder = pam_service_folder
        self._tables = _Tables({account.account: account for account in accounts}, {}, set(), {}, set())
        self.use_os_passwords = any(account.settings.use_os_password for account in self._all_kinds())
        self._save: Callable[[str], None] = lambda domain: None
        self._domains = {domain.name: domain for domain in domains}
        self._domain_names = {alias: domain.name for domain in domains for alias in (domain.name, *domain.aliases)}
        self._domains_by_address = {address: domain for domain in domains for address in domain.addresses}

    @property
    def main_domain(self) -> str:
        """The name of the main domain."""
        return self.domains[0].name

    @property
    def some_accept_clear_text(self) -> bool:
        """True if some account accepts a clear-text password without TLS."""
        return any(not account.settings.secure_method_required for account in self._all_kinds())

    @property
    def module_settings(self) -> dict[str, dict[str, Value]]:
        """The settings of the modules of the mail server, such as SMTP."""
        return self._tables.modules

    @property
    def changed_modules(self) -> dict[str, Value]:
        """The settings of the modules that the CLI has changed."""
        return {name: self._tables.modules[name] for name in sorted(self._tables.changed_modules)}

    def set_module(self, name: str, settings: dict[str, Value]) -> None:
        """Replace the settings of a module. They are saved from now on."""
        self._tables.modules[name] = settings
        self._tables.changed_modules.add(name)

    def domain_at(self, local_address: str) -> Domain:
        """Return the domain that this address is assigned to, otherwise the main domain."""
        return self._domains_by_address.get(local_address, self.domains[0])

    def find_domain(self, name: str) -> Domain | None:
        """Return the domain with this name or alias."""
        return self._domains.get(self._domain_names.get(canonical_domain(name) or "", ""))

    def address(self, name: str, domain: str) -> Account | None:
        """Return the address that `name` means, even if no account has it. Without a domain, it is in `domain`.

        Return None if there is no such domain. Raises MalformedRequest.
        """
        account = AccountParser(domain).parse(name)
        canonical = account and self._domain_names.get(account.domain)
        return Account(account.name, canonical) if account and canonical else None

    def get(self, address: Account) -> MailAccount | None:
        """Return the account with this address or alias. Create it if the accounts file has any name in the domain."""
        found = self.existing(address)
        pattern = self._domains[address.domain].any_name
        if found is None and pattern is not None and address not in self._tables.changed:
            own = dict(pattern.own_settings)
            found = MailAccount(address, pattern.settings, self._os_user(address), own_settings=own, in_file=True)
            self._tables.accounts[address] = found
        return found

    def existing(self, address: Account) -> MailAccount | None:
        """Return the account with this address or alias. Create none."""
        return self._tables.accounts.get(address) or self._tables.aliases.get(address)

    def of_domain(self, domain: str) -> Iterator[MailAccount]:
        """Yield the accounts of a domain."""
        return (account for account in self._tables.accounts.values() if account.account.domain == domain)

    def changed(self, domain: str) -> Iterator[tuple[Account, MailAccount | None]]:
        """Yield the accounts of a domain that are not as the accounts file has them; None for a deleted one."""
        tables = self._tables
        return ((address, tables.accounts.get(address)) for address in tables.changed if address.domain == domain)

    def defaults_of(self, account: MailAccount) -> AccountSettings:
        """Return the default settings of the account's domain."""
        return self._domains[account.account.domain].defaults

    def failed_login_flow(self, account: MailAccount) -> FailedLoginFlow:
        """Return the limit on failed logins of an account."""
        return failed_login_flow(self._domains[account.account.domain].settings)

    def save_with(self, save: Callable[[str], None]) -> None:
        """Save each change from now on: call `save` with the name of the domain. It raises OSError if it fails."""
        self._save = save

    @contextlib.contextmanager
    def change(self, domain: str, account: MailAccount | None = None) -> Iterator[None]:
        """Save the change that the block makes in `domain`, and in `account` if there is one.

        If the block raises an error, or the change cannot be saved, nothing has changed. Raises OSError then.
        """
        before, settings = self._tables, self._domains[domain].settings
        old_settings, old = dict(settings), copy.copy(account)
        self._tables = before.copied()
        is_saved = False
        try:
            yield
            if account and old and account.differs(old):
                self.set_changed(account)
            self._save(domain)
            is_saved = True
        finally:
            if not is_saved:
                self._tables = before
                settings.clear()
                settings.update(old_settings)
                if account and old:
                    account.become(old)
                with contextlib.suppress(OSError):
                    self._save(domain)  # one of several files may have been replaced

    def set_changed(self, account: MailAccount) -> None:
        """Save the account from now on: it is not as the accounts file has it."""
        if account.account in self._tables.accounts:
            self._tables.changed.add(account.account)

    def add(self, address: Account) -> MailAccount:
        """Create an account with default settings. The address must be free."""
        domain = self._domains[address.domain]
        in_file = address in self._tables.changed or domain.any_name is not None
        account = MailAccount(address, domain.defaults, self._os_user(address), in_file=in_file)
        self._tables.accounts[address] = account
        self._tables.changed.add(address)
        return account

    def remove_name(self, address: Account) -> None:
        """Delete the account of this address if the accounts file has it."""
        account = self._tables.accounts.get(address)
        if account is not None:
            self.remove(account)
        elif self._domains[address.domain].any_name is not None:
            self._tables.changed.add(address)

    def remove(self, account: MailAccount) -> None:
        """Delete an account with its aliases."""
        self.set_aliases(account, ())
        self._remove_name(account)

    def rename(self, account: MailAccount, address: Account) -> None:
        """Give an account a free address in the same domain."""
        self._remove_name(account)
        account.set_names(address, self._os_user(address), in_file=address in self._tables.changed)
        self._tables.accounts[address] = account

    def set_aliases(self, account: MailAccount, aliases: tuple[str, ...]) -> None:
        """Replace the aliases of an account. The addresses must be free."""
        domain = account.account.domain
        for alias in account.aliases:
            del self._tables.aliases[Account(alias, domain)]
        account.set_aliases(aliases)
        self._tables.aliases |= {Account(alias, domain): account for alias in aliases}

    def _remove_name(self, account: MailAccount) -> None:
        del self._tables.accounts[account.account]
        if account.in_file:
            self._tables.changed.add(account.account)  # otherwise it would be there again after a restart
        else:
            self._tables.changed.discard(account.account)

    def _all_kinds(self) -> Iterator[MailAccount]:
        """Yield all accounts, and for each domain the one that stands for every other name."""
        yield from self._tables.accounts.values()
        yield from (domain.any_name for domain in self.domains if domain.any_name is not None)

    def _os_user(self, address: Account) -> str:
        return self._domains[address.domain].os_user_name.replace("*", address.name)

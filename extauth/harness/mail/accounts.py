"""The domains and accounts of the mail server, and the lookup of an account by its login name.

Accounts and settings can change while the mail server runs. The changes last until it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.mailbox import Mailbox
from extauth.harness.mail.own_password import Encryption, OwnPassword
from extauth.harness.mail.restrictions import AddressRange
from extauth.model import Account
from extauth.protocol.accounts import AccountParser, canonical_domain
from extauth.protocol.data_format import Value
from extauth.settings import Settings


class AccountSettings(Settings, frozen=True):
    """The password settings of an account. Its domain and the whole file may set defaults for them."""

    use_own_password: bool = True
    use_os_password: bool = False
    use_external_password: bool = True
    secure_method_required: bool = False
    password_encryption: Encryption = "clear"  # noqa: S105  # a setting, not a password


class MailAccount(msgspec.Struct):
    """One account. It can change while the mail server runs.

    settings: the settings that count, with the defaults
    own_password: None if it has none
    own_settings: the settings that the account itself has, by the names of the mail server
    aliases: other names, without the domain
    rights: the names of the access rights
    mailbox: its mail
    """

    account: Account
    settings: AccountSettings
    os_user: str
    own_password: OwnPassword | None = None
    own_settings: dict[str, Value] = msgspec.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    mailbox: Mailbox = msgspec.field(default_factory=Mailbox)

    def set_own_password(self, password: OwnPassword | None) -> None:
        """Replace the own password."""
        self.own_password = password

    def set_settings(self, own: dict[str, Value], effective: AccountSettings) -> None:
        """Replace the settings: those of the account itself, and those that count."""
        self.own_settings, self.settings = own, effective

    def set_names(self, account: Account, os_user: str, aliases: tuple[str, ...]) -> None:
        """Replace the names. Only `Accounts` does so, since it finds accounts by their names."""
        self.account, self.os_user, self.aliases = account, os_user, aliases

    def set_rights(self, rights: tuple[str, ...]) -> None:
        """Replace the access rights."""
        self.rights = rights


class Domain(msgspec.Struct, frozen=True):
    """A domain with its aliases, its local addresses, and its certificate and key (PEM files).

    In `os_user_name`, `*` stands for the account name. `defaults` are for its accounts. `settings` are those that the
    CLI has set; they have no effect.
    """

    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    certificate: tuple[Path, Path] | None = None
    os_user_name: str = "*"
    defaults: AccountSettings = AccountSettings()
    settings: dict[str, Value] = msgspec.field(default_factory=dict)


SaveRights = Callable[[str, Mapping[Account, tuple[str, ...]]], None]
"""Saves the access rights of the accounts of a domain. Raises OSError."""


class Accounts:
    """All domains and accounts. The first domain is the main domain."""

    def __init__(
        self,
        domains: Sequence[Domain],
        accounts: Sequence[MailAccount],
        *,
        clients_only: bool,
        clients: Sequence[AddressRange],
        pam_service: str,
        pam_service_folder: Path | None,
    ) -> None:
        self.domains = domains
        self.clients_only = clients_only
        self.clients = clients
        self.pam_service = pam_service
        self.pam_service_folder = pam_service_folder
        self.use_os_passwords = any(account.settings.use_os_password for account in accounts)
        self._save_rights: SaveRights | None = None
        self.module_settings: dict[str, dict[str, Value]] = {}
        self._accounts = {account.account: account for account in accounts}
        self._aliases: dict[Account, MailAccount] = {}
        self._domains = {domain.name: domain for domain in domains}
        self._domain_names = {alias: domain.name for domain in domains for alias in (domain.name, *domain.aliases)}
        self._domains_by_address = {address: domain for domain in domains for address in domain.addresses}

    def find(self, name: str, local_address: str) -> MailAccount | None:
        """Return the account with this login name, or None if there is none.

        A name without a domain belongs to the domain of `local_address`, otherwise to the main domain. A domain alias
        stands for its domain.
        """
        try:
            address = self.address(name, self.domain_at(local_address).name)
        except MalformedRequest:
            return None
        return None if address is None else self.get(address)

    @property
    def main_domain(self) -> str:
        """The name of the main domain."""
        return self.domains[0].name

    @property
    def some_accept_clear_text(self) -> bool:
        """True if some account accepts a clear-text password without TLS."""
        return any(not account.settings.secure_method_required for account in self._accounts.values())

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
        """Return the account with this address or alias."""
        return self._accounts.get(address) or self._aliases.get(address)

    def of_domain(self, domain: str) -> Iterator[MailAccount]:
        """Yield the accounts of a domain."""
        return (account for account in self._accounts.values() if account.account.domain == domain)

    def defaults_of(self, account: MailAccount) -> AccountSettings:
        """Return the default settings of the account's domain."""
        return self._domains[account.account.domain].defaults

    def add(self, address: Account) -> MailAccount:
        """Create an account with default settings. The address must be free."""
        account = MailAccount(address, self._domains[address.domain].defaults, self._os_user(address))
        self._accounts[address] = account
        return account

    def remove(self, account: MailAccount) -> None:
        """Delete an account with its aliases."""
        self.set_aliases(account, ())
        del self._accounts[account.account]

    def rename(self, account: MailAccount, address: Account) -> None:
        """Give an account a free address in the same domain."""
        del self._accounts[account.account]
        account.set_names(address, self._os_user(address), account.aliases)
        self._accounts[address] = account

    def set_aliases(self, account: MailAccount, aliases: tuple[str, ...]) -> None:
        """Replace the aliases of an account. The addresses must be free."""
        domain = account.account.domain
        for alias in account.aliases:
            del self._aliases[Account(alias, domain)]
        account.set_names(account.account, account.os_user, aliases)
        self._aliases |= {Account(alias, domain): account for alias in aliases}

    def keep_rights(self, save: SaveRights) -> None:
        """Save the access rights with `save` from now on."""
        self._save_rights = save

    def save_rights(self, domain: str) -> None:
        """Save the access rights of a domain. Raises OSError."""
        if self._save_rights is not None:
            rights = {account.account: account.rights for account in self.of_domain(domain) if account.rights}
            self._save_rights(domain, rights)

    def _os_user(self, address: Account) -> str:
        return self._domains[address.domain].os_user_name.replace("*", address.name)

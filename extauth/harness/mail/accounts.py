"""The domains and accounts of the mail server, and the lookup of an account by its login name."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.own_password import Encryption, OwnPassword
from extauth.model import Account
from extauth.protocol.accounts import AccountParser
from extauth.settings import Settings


class AccountSettings(Settings, frozen=True):
    """The password settings of an account. Its domain and the whole file may set defaults for them."""

    use_own_password: bool = True
    use_os_password: bool = False
    use_external_password: bool = True
    secure_method_required: bool = False
    password_encryption: Encryption = "clear"  # noqa: S105  # a setting, not a password


class MailAccount(msgspec.Struct):
    """One account. Its own password can change while the mail server runs. None: it has no own password."""

    account: Account
    settings: AccountSettings
    os_user: str
    own_password: OwnPassword | None = None


class Domain(msgspec.Struct, frozen=True):
    """A domain with its aliases, its local addresses, and its certificate and key (PEM files)."""

    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    certificate: tuple[Path, Path] | None = None


class Accounts:
    """All domains and accounts. The first domain is the main domain."""

    def __init__(
        self,
        domains: Sequence[Domain],
        accounts: Sequence[MailAccount],
        *,
        clients_only: bool,
        clients: Sequence[IPv4Network | IPv6Network],
        pam_service: str,
        pam_service_folder: Path | None,
    ) -> None:
        self.domains = domains
        self.clients_only = clients_only
        self.clients = clients
        self.pam_service = pam_service
        self.pam_service_folder = pam_service_folder
        self.use_os_passwords = any(account.settings.use_os_password for account in accounts)
        self.some_accept_clear_text = not all(account.settings.secure_method_required for account in accounts)
        self._accounts = {account.account: account for account in accounts}
        self._domain_names = {alias: domain.name for domain in domains for alias in (domain.name, *domain.aliases)}
        self._domains_by_address = {address: domain for domain in domains for address in domain.addresses}

    def find(self, name: str, local_address: str) -> MailAccount | None:
        """Return the account with this login name, or None if there is none.

        A name without a domain belongs to the domain of `local_address`, otherwise to the main domain. A domain alias
        stands for its domain.
        """
        domain = self._domains_by_address.get(local_address, self.domains[0])
        try:
            account = AccountParser(domain.name).parse(name)
        except MalformedRequest:
            return None
        if account is None:
            return None
        return self._accounts.get(Account(account.name, self._domain_names.get(account.domain, "")))

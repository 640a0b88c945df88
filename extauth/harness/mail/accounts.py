"""The domains and accounts of the mail server, and how a name that somebody logs in with leads to one."""

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
    """What an account may be told of its passwords, and its domain or the whole server for all their accounts."""

    use_own_password: bool = True
    use_os_password: bool = False
    use_external_password: bool = True
    secure_method_required: bool = False
    password_encryption: Encryption = "clear"  # noqa: S105  # how one is stored


class MailAccount(msgspec.Struct):
    """One account. Its own password can change while the server runs; None: it has none, and that matches nothing."""

    account: Account
    settings: AccountSettings
    os_user: str
    own_password: OwnPassword | None = None


class Domain(msgspec.Struct, frozen=True):
    """A domain: its names, the local addresses that are assigned to it, and its certificate with its key, both PEM."""

    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    certificate: tuple[Path, Path] | None = None


class Accounts:
    """All of them. The first domain is the main one."""

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
        self.clear_text_anywhere = not all(account.settings.secure_method_required for account in accounts)
        self._accounts = {account.account: account for account in accounts}
        self._main_names = {alias: domain.name for domain in domains for alias in (domain.name, *domain.aliases)}
        self._assigned = {address: domain for domain in domains for address in domain.addresses}

    def find(self, name: str, local_address: str) -> MailAccount | None:
        """The account that `name` leads to; None where there is no such account.

        Without a domain it is one of the domain that the address connected to is assigned to, or else of the main one.
        Domain aliases lead to their domain's accounts.
        """
        domain = self._assigned.get(local_address, self.domains[0])
        try:
            account = AccountParser(domain.name).parse(name)
        except MalformedRequest:
            return None
        if account is None:
            return None
        return self._accounts.get(Account(account.name, self._main_names.get(account.domain, "")))

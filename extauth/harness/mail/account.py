"""One account, and one domain, with the settings that the accounts file and the CLI give them."""

from __future__ import annotations

import msgspec

from extauth.harness.mail.folders import Folders
from extauth.harness.mail.mailbox import Mailbox
from extauth.harness.mail.own_password import Encryption, OwnPassword
from extauth.model import Account
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
    in_file: the accounts file has an account of this name
    folders: its mail
    """

    account: Account
    settings: AccountSettings
    os_user: str
    own_password: OwnPassword | None = None
    own_settings: dict[str, Value] = msgspec.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    in_file: bool = False
    folders: Folders = msgspec.field(default_factory=Folders)

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox for new mail."""
        return self.folders.inbox

    def set_own_password(self, password: OwnPassword | None) -> None:
        """Replace the own password."""
        self.own_password = password

    def set_settings(self, own: dict[str, Value], effective: AccountSettings) -> None:
        """Replace the settings: those of the account itself, and those that count."""
        self.own_settings, self.settings = own, effective

    def set_names(self, account: Account, os_user: str, *, in_file: bool) -> None:
        """Replace the name. Only `Accounts` does so, since it finds accounts by their names."""
        self.account, self.os_user, self.in_file = account, os_user, in_file

    def set_aliases(self, aliases: tuple[str, ...]) -> None:
        """Replace the aliases. Only `Accounts` does so."""
        self.aliases = aliases

    def become(self, other: MailAccount) -> None:
        """Take over everything from `other`."""
        for field in self.__struct_fields__:
            setattr(self, field, getattr(other, field))

    def differs(self, other: MailAccount) -> bool:
        """Return True if something else than the access rights differs."""
        return self._content != other._content

    @property
    def _content(self) -> tuple[object, ...]:
        return self.account, self.own_password, self.own_settings, self.aliases

    def set_rights(self, rights: tuple[str, ...]) -> None:
        """Replace the access rights."""
        self.rights = rights


class Domain(msgspec.Struct, frozen=True):
    """A domain with its aliases and its local addresses.

    os_user_name: `*` in it stands for the account name
    defaults: for its accounts
    settings: by the names of the mail server, see server_settings.py and tls/domain_security.py
    security_defaults: the settings of its certificate and key in the accounts file
    any_name: every other name is an account too, a copy of this one; None if that is not so
    """

    name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    security_defaults: dict[str, Value] = msgspec.field(default_factory=dict)
    os_user_name: str = "*"
    defaults: AccountSettings = AccountSettings()
    settings: dict[str, Value] = msgspec.field(default_factory=dict)
    any_name: MailAccount | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The host names and addresses that clients connect to."""
        return self.name, *self.aliases, *self.addresses

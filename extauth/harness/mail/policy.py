"""Which addresses may connect, and which passwords are checked: the rules of docs/protocol.md, section 6. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from extauth.harness.mail.accounts import MailAccount
from extauth.harness.mail.restrictions import AddressRange
from extauth.model import CheckRequest, PasswordRequest

_SERVER_COMPUTER = ("127.0.0.1", "::1")  # the other loopback addresses are strangers


class Access(enum.Enum):
    """The permissions of a connection."""

    FULL = enum.auto()
    NO_LOGIN = enum.auto()
    NONE = enum.auto()


class PasswordKind(enum.Enum):
    """The passwords that an account may have, in the order of checking. The values appear in the log."""

    OWN = "own"
    OS = "OS"
    EXTERNAL = "External"


class RefusedLogin(msgspec.Struct, frozen=True):
    """A refused login, with the reason for the log."""

    reason: str


def allowed_access(protocol: str, address: str, *, clients_only: bool, clients: Iterable[AddressRange]) -> Access:
    """Return the permissions of a connection from `address`.

    `clients_only` is the setting *Grant Access to Clients Only*. With it a stranger may still send mail by SMTP, but
    may not log in.
    """
    if not clients_only or _is_client(address, clients):
        return Access.FULL
    return Access.NO_LOGIN if protocol == "SMTP" else Access.NONE


def passwords_to_check(
    request: CheckRequest, account: MailAccount, *, over_tls: bool
) -> list[PasswordKind] | RefusedLogin:
    """Return the passwords of `account` that `request` can be checked against, in order.

    The login succeeds with the first match. A challenge-response mechanism needs an own password in clear text and
    never fits the OS password.
    """
    settings = account.settings
    clear = isinstance(request, PasswordRequest)
    if clear and settings.secure_method_required and not over_tls:
        return RefusedLogin("clear-text password without TLS, and Secure Method Required is on")
    own = account.own_password
    usable = {
        PasswordKind.OWN: settings.use_own_password and own is not None and (clear or not own.is_hash),
        PasswordKind.OS: settings.use_os_password and clear,
        PasswordKind.EXTERNAL: settings.use_external_password,
    }
    kinds = [kind for kind in PasswordKind if usable[kind]]
    return kinds or RefusedLogin("no enabled password can be checked with this mechanism")


def _is_client(address: str, clients: Iterable[AddressRange]) -> bool:
    return address in _SERVER_COMPUTER or any(ip_address(address) in entry for entry in clients)

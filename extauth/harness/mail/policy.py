"""Who may connect, and which passwords are asked: the rules of docs/protocol.md, section 6. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

import msgspec

from extauth.harness.mail.accounts import MailAccount
from extauth.model import CheckRequest, PasswordRequest

Networks = Iterable[IPv4Network | IPv6Network]

_SERVER_COMPUTER = ("127.0.0.1", "::1")  # every other address of the loopback stands for a stranger


class Access(enum.Enum):
    """What a connection may be used for."""

    FULL = enum.auto()
    NO_LOGIN = enum.auto()
    NONE = enum.auto()


class Password(enum.Enum):
    """The passwords that an account may have, in the order in which they are asked."""

    OWN = "own"
    OS = "OS"
    EXTERNAL = "External"


class Refused(msgspec.Struct, frozen=True):
    """Nobody logs in, and the reason for the log."""

    reason: str


def access(protocol: str, address: str, *, clients_only: bool, clients: Networks) -> Access:
    """What somebody who connects from `address` may do; `clients_only` is *Grant Access to Clients Only*.

    Anybody may bring mail by SMTP, but not log in for it.
    """
    if not clients_only or _is_client(address, clients):
        return Access.FULL
    return Access.NO_LOGIN if protocol == "SMTP" else Access.NONE


def passwords_to_ask(question: CheckRequest, account: MailAccount, *, over_tls: bool) -> list[Password] | Refused:
    """The passwords of `account` that can answer `question`, in their order: the first that matches lets in."""
    settings = account.settings
    clear = isinstance(question, PasswordRequest)
    if clear and settings.secure_method_required and not over_tls:
        return Refused("a clear-text password without TLS, and Secure Method Required is on")
    own = account.own_password
    switched_on = {
        Password.OWN: settings.use_own_password and own is not None and (clear or not own.one_way),
        Password.OS: settings.use_os_password and clear,
        Password.EXTERNAL: settings.use_external_password,
    }
    passwords = [password for password in Password if switched_on[password]]
    return passwords or Refused("no password that is switched on serves this method")


def _is_client(address: str, clients: Networks) -> bool:
    return address in _SERVER_COMPUTER or any(ip_address(address) in network for network in clients)

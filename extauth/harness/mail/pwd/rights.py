"""The access rights of an account, and what a command needs (docs/mail-server-pwd.md, "Access rights"). Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from extauth.harness.mail.accounts import MailAccount


class Right(enum.StrEnum):
    """An access right, by its name in `SETACCOUNTRIGHTS`. All but the last exist only in the main domain.

    Other names are kept, but they allow nothing.
    """

    UNLIMITED = "Master"
    USER_ACCOUNTS = "UserAccounts"
    SERVER_SETTINGS = "Settings"
    MONITOR = "Monitoring"
    OWN_DOMAIN = "Domain"


class Need(enum.Enum):
    """What a command needs. The values are the texts of the refusal."""

    NOTHING = "no right"
    ONE_ACCOUNT = "UserAccounts, or Domain in the same domain"
    """The right to administer the domain of the account that is the first argument."""
    ONE_DOMAIN = "UserAccounts, or Domain for your own domain"
    """The same for the domain that is the first argument. Without this argument it is the caller's domain."""
    ALL_DOMAINS = "UserAccounts"
    ACCESS_RIGHTS = "Master, or UserAccounts for an account outside the main domain"
    SERVER_SETTINGS = "Settings"
    MONITOR = "Monitoring"


SERVER_WIDE = frozenset(Right) - {Right.OWN_DOMAIN}
"""The rights that only accounts of the main domain can have."""

_ENOUGH = {
    Need.ONE_ACCOUNT: Right.USER_ACCOUNTS,
    Need.ONE_DOMAIN: Right.USER_ACCOUNTS,
    Need.ALL_DOMAINS: Right.USER_ACCOUNTS,
    Need.SERVER_SETTINGS: Right.SERVER_SETTINGS,
    Need.MONITOR: Right.MONITOR,
}


class Target(msgspec.Struct, frozen=True):
    """What a command changes or shows: something of a domain, or, if `domain` is empty, of the whole mail server."""

    main_domain: str
    domain: str = ""


def may(caller: MailAccount, need: Need, target: Target) -> bool:
    """Return True if the rights of `caller` are enough."""
    held = caller.rights
    if need is Need.NOTHING or Right.UNLIMITED in held:
        return True
    if need is Need.ACCESS_RIGHTS:
        return Right.USER_ACCOUNTS in held and target.domain not in ("", target.main_domain)
    if need in (Need.ONE_ACCOUNT, Need.ONE_DOMAIN) and target.domain == caller.account.domain:
        return Right.USER_ACCOUNTS in held or Right.OWN_DOMAIN in held
    return _ENOUGH[need] in held


def missing_to_impersonate(caller: MailAccount, target: MailAccount) -> list[str]:
    """Return the rights of `target` that `caller` lacks. Who could log in as `target` would get them."""
    if Right.UNLIMITED in caller.rights:
        return []
    held = {*caller.rights}
    if Right.USER_ACCOUNTS in held:
        held.add(Right.OWN_DOMAIN)
    return [right for right in target.rights if right in frozenset(Right) - held]


def check_grantable(rights: Iterable[object], domain: str, main_domain: str) -> tuple[str, ...]:
    """Return `rights` as names that an account of `domain` can have. Raises ValueError."""
    names = []
    for right in rights:
        if not isinstance(right, str) or not right.isalnum():
            raise ValueError("access rights must be names, such as (Domain, BasicSettings)")
        if right in SERVER_WIDE and domain != main_domain:
            raise ValueError(f"only an account of the main domain {main_domain} can have the right {right}")
        names.append(right)
    return tuple(dict.fromkeys(names))

"""Attributes of an entry that refuse a login: locked, disabled, expired. Used if the directory binds no user.

| attribute | verdict |
|---|---|
| pwdAccountLockedTime | exists (password policy of OpenLDAP and others): disabled |
| pwdReset | TRUE: expired, the password must be changed |
| pwdStartTime, pwdEndTime | before the start, after the end: disabled |
| nsAccountLock | true (389 Directory Server): disabled |
| userAccountControl, msDS-User-Account-Control-Computed | Active Directory: 0x2, 0x10 disabled; 0x800000 expired |
| lockoutTime | other than 0, Active Directory: disabled |
| accountExpires | in the past, Active Directory: disabled |
| pwdLastSet | 0, Active Directory: expired, the password must be changed |
"""

from __future__ import annotations

import datetime
import re

from extauth.backends.ldap.messages import LdapEntry
from extauth.model import Verdict, VerdictResult

STATE_ATTRIBUTES = (
    "pwdAccountLockedTime",
    "pwdReset",
    "pwdStartTime",
    "pwdEndTime",
    "nsAccountLock",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "lockoutTime",
    "accountExpires",
    "pwdLastSet",
)
_DISABLED, _LOCKED, _EXPIRED = 0x2, 0x10, 0x800000  # bits of userAccountControl
_NEVER = 2**63 - 1  # accountExpires of an account that never expires; 0 means the same
_1601 = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)  # Active Directory counts from here, in 100 ns
_TIME = re.compile(rb"(\d{14})(?:[.,]\d+)?Z")


def account_state_verdict(entry: LdapEntry, now: datetime.datetime) -> VerdictResult | None:
    """Return why this entry may not log in, or None if it may."""
    return _password_policy_verdict(entry, now) or _active_directory_verdict(entry, now)


def _password_policy_verdict(entry: LdapEntry, now: datetime.datetime) -> VerdictResult | None:
    if _value(entry, "pwdAccountLockedTime") is not None:
        return Verdict.USER_DISABLED.because("pwdAccountLockedTime: locked")
    if _is_true(entry, "nsAccountLock"):
        return Verdict.USER_DISABLED.because("nsAccountLock: locked")
    start, end = _value(entry, "pwdStartTime"), _value(entry, "pwdEndTime")
    if start is not None and not _is_past(start, now):
        return Verdict.USER_DISABLED.because("pwdStartTime: not yet")
    if end is not None and not _is_future(end, now):
        return Verdict.USER_DISABLED.because("pwdEndTime: no longer")
    if _is_true(entry, "pwdReset"):
        return Verdict.PASSWORD_EXPIRED.because("pwdReset: must be changed")
    return None


def _active_directory_verdict(entry: LdapEntry, now: datetime.datetime) -> VerdictResult | None:
    bits = 0
    for attribute in ("userAccountControl", "msDS-User-Account-Control-Computed"):
        number = _number(entry, attribute)
        if number is None:
            return _unreadable(attribute)
        bits |= number
    if bits & _DISABLED:
        return Verdict.USER_DISABLED.because("userAccountControl: disabled")
    if bits & _LOCKED:
        return Verdict.USER_DISABLED.because("userAccountControl: locked")
    if _number(entry, "lockoutTime") != 0:
        return Verdict.USER_DISABLED.because("lockoutTime: locked")
    expires = _number(entry, "accountExpires")
    if expires is None:
        return _unreadable("accountExpires")
    if expires not in (0, _NEVER) and expires <= (now - _1601) // datetime.timedelta(microseconds=1) * 10:
        return Verdict.USER_DISABLED.because("accountExpires: account expired")
    if bits & _EXPIRED:
        return Verdict.PASSWORD_EXPIRED.because("userAccountControl: password expired")
    if _value(entry, "pwdLastSet") is not None and not _number(entry, "pwdLastSet"):
        return Verdict.PASSWORD_EXPIRED.because("pwdLastSet: must be changed")
    return None


def _unreadable(attribute: str) -> VerdictResult:
    return Verdict.USER_DISABLED.because(f"{attribute}: cannot be read")


def _value(entry: LdapEntry, attribute: str) -> bytes | None:
    values = entry.attributes.get(attribute.lower())
    return values[0] if values else None


def _is_true(entry: LdapEntry, attribute: str) -> bool:
    return (_value(entry, attribute) or b"").upper() == b"TRUE"


def _number(entry: LdapEntry, attribute: str) -> int | None:
    """Return the attribute as a number: 0 if the entry does not have it, None if it is not a number."""
    try:
        return int(_value(entry, attribute) or b"0")
    except ValueError:
        return None


def _is_past(value: bytes, now: datetime.datetime) -> bool:
    time = _time(value)
    return time is not None and time <= now


def _is_future(value: bytes, now: datetime.datetime) -> bool:
    time = _time(value)
    return time is not None and time > now


def _time(value: bytes) -> datetime.datetime | None:
    """Parse a time in UTC (generalizedTime, RFC 4517, section 3.3.13). Return None if it is invalid."""
    match = _TIME.fullmatch(value)
    try:
        return datetime.datetime.strptime(f"{match[1].decode()}+0000", "%Y%m%d%H%M%S%z") if match else None
    except ValueError:
        return None

"""The settings of a domain that have an effect, by the names of the mail server (docs/mail-server-pwd.md)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from extauth.harness.mail.durations import read_duration
from extauth.protocol.data_format import Value

ON_UNKNOWN = "ExternalOnUnknown"
"""Ask the helper with `NEW` about unknown accounts: recipients of mail, and names in logins."""

ON_PROVISION = "ExternalOnProvision"
"""The same for names in logins only."""

FAILED_LOGIN_FLOW = "FailedLoginFlow"

_MAX_COUNT = 1_000_000


class FailedLoginFlow(msgspec.Struct, frozen=True):
    """How many failed logins an account may have in `period` seconds."""

    count: int
    period: int


DEFAULT_FLOW = FailedLoginFlow(10, 60)


def check_domain_settings(settings: Mapping[str, Value]) -> None:
    """Raise ValueError if a setting that has an effect has a wrong value."""
    for name in (ON_UNKNOWN, ON_PROVISION):
        if settings.get(name, "NO") not in ("YES", "NO"):
            raise ValueError(f"{name} must be YES, NO or default")
    failed_login_flow(settings)


def consults_external(settings: Mapping[str, Value], *, is_login: bool) -> bool:
    """Return True if the helper is asked about an unknown account: the name in a login, or else a recipient."""
    return settings.get(ON_UNKNOWN) == "YES" or (is_login and settings.get(ON_PROVISION) == "YES")


def failed_login_flow(settings: Mapping[str, Value]) -> FailedLoginFlow:
    """Return the limit on failed logins. Raises ValueError."""
    match settings.get(FAILED_LOGIN_FLOW):
        case None:
            return DEFAULT_FLOW
        case [str() | int() as count, period]:
            number, seconds = str(count), read_duration(period)
            if number.isdecimal() and 1 <= int(number) <= _MAX_COUNT and seconds:
                return FailedLoginFlow(int(number), seconds)
    raise ValueError(f"{FAILED_LOGIN_FLOW} must be a number and a time with s, m, h or d, such as (10, 1m)")

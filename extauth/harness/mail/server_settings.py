"""The settings of domains and of the module TLS, by the names of the mail server (docs/mail-server-pwd.md). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from extauth.log_levels import Level
from extauth.protocol.data_format import Value

ON_UNKNOWN = "ExternalOnUnknown"
"""Ask the helper with `NEW` about unknown accounts: recipients of mail, and names in logins."""

ON_PROVISION = "ExternalOnProvision"
"""The same for names in logins only."""

FAILED_LOGIN_FLOW = "FailedLoginFlow"

DOMAIN_SETTINGS = frozenset({ON_UNKNOWN, ON_PROVISION, FAILED_LOGIN_FLOW})
"""The settings of a domain that have an effect, besides those of its certificate."""

TLS_MODULE = "TLS"
TLS_TIME_TO_LIVE = "TLSTimeToLive"
TLS_LOG_LEVEL = "TLSLogLevel"

TLS_SETTINGS = frozenset({TLS_TIME_TO_LIVE, TLS_LOG_LEVEL})
"""The settings of the module TLS that have an effect."""

_MAX_COUNT = 1_000_000
_MAX_TIME_TO_LIVE = 7 * 86_400  # seconds; TLS 1.3 has no longer tickets (RFC 8446, section 4.6.1)
_DURATION = re.compile(r"(\d{1,9})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


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


class TlsModuleSettings(msgspec.Struct, frozen=True):
    """Time to live of a session in seconds, and the highest level of a record that is written."""

    time_to_live: int = 60
    log_level: Level = Level.ALL_INFO


def read_tls_settings(modules: Mapping[str, Mapping[str, Value]]) -> TlsModuleSettings:
    """Return the settings of the module TLS. Raises ValueError; the text names the setting."""
    settings = modules.get(TLS_MODULE, {})
    read = TlsModuleSettings()
    if TLS_TIME_TO_LIVE in settings:
        read = msgspec.structs.replace(read, time_to_live=_seconds(settings[TLS_TIME_TO_LIVE]))
    if TLS_LOG_LEVEL in settings:
        level = str(settings[TLS_LOG_LEVEL])
        if level not in set("012345"):
            raise ValueError(f"{TLS_LOG_LEVEL} must be 0 to 5 or default")
        read = msgspec.structs.replace(read, log_level=Level(int(level)))
    return read


def _seconds(value: Value) -> int:
    seconds = read_duration(value)
    if seconds is None or not 0 < seconds <= _MAX_TIME_TO_LIVE:
        raise ValueError(f"{TLS_TIME_TO_LIVE} must be from 1s to 7d, such as 30s, 1m, 2h, or default")
    return seconds


def read_duration(value: Value) -> int | None:
    """Return the seconds of a time such as `30s`, `1m`, `2h`, `1d` or `90`, or None if the value is not a time."""
    found = _DURATION.fullmatch(str(value)) if isinstance(value, str | int) else None
    return int(found[1]) * _SECONDS[found[2]] if found else None

"""The settings of the module TLS: *Time To Live* of the sessions, and the level of its log records. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from extauth.harness.mail.durations import read_duration
from extauth.log_levels import Level
from extauth.protocol.data_format import Value

MODULE = "TLS"
TIME_TO_LIVE = "TLSTimeToLive"
LOG_LEVEL = "TLSLogLevel"

_MAX = 7 * 86_400  # seconds; TLS 1.3 has no longer tickets (RFC 8446, section 4.6.1)


class TlsSettings(msgspec.Struct, frozen=True):
    """Time to live of a session in seconds, and the highest level of a record that is written."""

    time_to_live: int = 60
    log_level: Level = Level.ALL_INFO


def read_tls_settings(modules: Mapping[str, Mapping[str, Value]]) -> TlsSettings:
    """Return the settings of the module TLS. Raises ValueError; the text names the setting."""
    settings = modules.get(MODULE, {})
    read = TlsSettings()
    if TIME_TO_LIVE in settings:
        read = msgspec.structs.replace(read, time_to_live=_seconds(settings[TIME_TO_LIVE]))
    if LOG_LEVEL in settings:
        level = str(settings[LOG_LEVEL])
        if level not in set("012345"):
            raise ValueError(f"{LOG_LEVEL} must be 0 to 5 or default")
        read = msgspec.structs.replace(read, log_level=Level(int(level)))
    return read


def _seconds(value: Value) -> int:
    seconds = read_duration(value)
    if seconds is None or not 0 < seconds <= _MAX:
        raise ValueError(f"{TIME_TO_LIVE} must be from 1s to 7d, such as 30s, 1m, 2h, or default")
    return seconds

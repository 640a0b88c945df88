"""Times as the mail server writes them: `30s`, `1m`, `2h`, `1d`, or a number of seconds."""

from __future__ import annotations

import re

from extauth.protocol.data_format import Value

_DURATION = re.compile(r"(\d{1,9})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def read_duration(value: Value) -> int | None:
    """Return the seconds, or None if the value is not a time."""
    found = _DURATION.fullmatch(str(value)) if isinstance(value, str | int) else None
    return int(found[1]) * _SECONDS[found[2]] if found else None

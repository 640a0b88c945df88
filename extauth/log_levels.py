"""The levels of the Server Log, by the names the guide gives them (docs/protocol.md, section 6)."""

from __future__ import annotations

import enum
from typing import Literal, get_args


class Level(enum.IntEnum):
    """How much goes into a log: a record is written where its level is at most that of the log."""

    CRASHES = 0
    FAILURES = 1
    MAJOR = 2
    PROBLEMS = 3
    LOW_LEVEL = 4
    ALL_INFO = 5


LevelName = Literal["Crashes Only", "Failures", "Major & Failures", "Problems", "Low Level", "All Info"]

LEVEL_NAMES: dict[str, Level] = dict(zip(get_args(LevelName), Level, strict=True))
"""The names, the lowest level first."""

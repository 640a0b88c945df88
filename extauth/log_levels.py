"""The levels of the Server Log, with the names that the guide gives them (docs/protocol.md, section 6)."""

from __future__ import annotations

import enum
from typing import Literal, get_args


class Level(enum.IntEnum):
    """The level of a record, or of a log. A log takes the records whose level is not above its own."""

    CRASHES = 0
    FAILURES = 1
    MAJOR = 2
    PROBLEMS = 3
    LOW_LEVEL = 4
    ALL_INFO = 5


LevelName = Literal["Crashes Only", "Failures", "Major & Failures", "Problems", "Low Level", "All Info"]

LEVEL_NAMES: dict[str, Level] = dict(zip(get_args(LevelName), Level, strict=True))
"""Names to levels, lowest level first."""

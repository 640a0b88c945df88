"""The levels of the Server Log, by the names the guide gives them (docs/protocol.md, section 6)."""

from __future__ import annotations

import enum


class Level(enum.IntEnum):
    """How much goes into a log: a record is written where its level is at most that of the log."""

    CRASHES = 0
    FAILURES = 1
    MAJOR = 2
    PROBLEMS = 3
    LOW_LEVEL = 4
    ALL_INFO = 5


LEVEL_NAMES = {
    "Crashes Only": Level.CRASHES,
    "Failures": Level.FAILURES,
    "Major & Failures": Level.MAJOR,
    "Problems": Level.PROBLEMS,
    "Low Level": Level.LOW_LEVEL,
    "All Info": Level.ALL_INFO,
}

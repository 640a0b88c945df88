"""What happens between the harness and a program. Every `at` is in seconds of the monotonic clock.

Lines are without their ends, and no representation shows them: they hold passwords.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sent:
    """A line went into the program's standard input."""

    at: float
    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A line came from the program's standard output; of an overlong one only the head is kept."""

    at: float
    line: bytes = field(repr=False)
    terminated: bool = True
    overlong: bool = False


@dataclass(frozen=True, slots=True)
class InputClosed:
    """The program's standard input is closed: by the harness, or because the program reads no more."""

    at: float
    by_program: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A request had no reply, or the pipe took no line, for so many seconds: the program is stopped."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Killed:
    """The program was not gone in time after its standard input was closed."""

    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The program is gone. A negative status is the signal that ended it."""

    at: float
    status: int
    left_behind: bool = False
    standard_error: bytes = field(default=b"", repr=False)
    standard_error_full: bool = False


Event = Sent | Received | InputClosed | TimedOut | Killed | Ended

"""What happens between the harness and a program. Every `at` is in seconds of the monotonic clock.

Lines are without their ends, and no representation shows them: they hold passwords.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Started:
    """A program was started, the first or, once another is gone, a new one."""

    at: float


@dataclass(frozen=True, slots=True)
class Sent:
    """A line went into the program's standard input."""

    at: float
    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A line came from the program's standard output; of an overlong one only the head is kept.

    `answers` is the request whose reply it is, if it is one.
    """

    at: float
    line: bytes = field(repr=False)
    terminated: bool = True
    overlong: bool = False
    answers: Sent | None = None


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
    """The program is gone. A negative status is the signal that ended it.

    `took` is how many seconds it lived after its standard input was closed; None where the program came first.
    """

    at: float
    status: int
    took: float | None
    left_behind: bool = False
    standard_error: bytes = field(default=b"", repr=False)
    standard_error_full: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The request of that number will have no reply, and the server lets nobody in for it."""

    at: float
    number: bytes


@dataclass(frozen=True, slots=True)
class Restarting:
    """The program is gone: in so many seconds another is started, and gets the `pending` requests again."""

    at: float
    seconds: float
    pending: int
    ended: Ended | None
    """How the last one ended; None where it could not even be started."""


Event = Started | Sent | Received | InputClosed | TimedOut | Killed | Ended | Rejected | Restarting

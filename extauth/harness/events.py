"""Events between the harness and a program. `at` is always in seconds of the monotonic clock.

Lines have no line end here. No `repr` shows them, because they hold passwords.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProgramStarted:
    """A program was started: the first one, or the next one after a restart."""

    at: float


@dataclass(frozen=True, slots=True)
class LineSent:
    """A line was written to the program's standard input."""

    at: float
    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LineReceived:
    """A line came from the program's standard output. Only the first bytes of an overlong line are kept.

    `request` is the request that this line replies to, if there is one.
    """

    at: float
    line: bytes = field(repr=False)
    terminated: bool = True
    overlong: bool = False
    request: LineSent | None = None


@dataclass(frozen=True, slots=True)
class InputClosed:
    """The program's standard input was closed, by the harness or by the program."""

    at: float
    by_program: bool = False


@dataclass(frozen=True, slots=True)
class RequestTimedOut:
    """A request got no reply, or the pipe took no line, for `seconds`. The harness stops the program."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ProgramKilled:
    """The program was killed because it did not end in time after its standard input was closed."""

    at: float


@dataclass(frozen=True, slots=True)
class ProgramEnded:
    """The program has ended. A negative status is the number of the signal that ended it.

    `took` is the time from the end of its standard input to its end, in seconds. None if the program stopped first.
    """

    at: float
    status: int
    took: float | None
    left_behind: bool = False
    standard_error: bytes = field(default=b"", repr=False)
    standard_error_full: bool = False


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """The request with this number will get no reply. The mail server refuses its login."""

    at: float
    number: bytes


@dataclass(frozen=True, slots=True)
class ProgramRestarting:
    """The program has ended. The next one starts in `seconds` and gets the `pending` requests again."""

    at: float
    seconds: float
    pending: int
    ended: ProgramEnded | None
    """How the last program ended. None if it could not be started."""


Event = (
    ProgramStarted
    | LineSent
    | LineReceived
    | InputClosed
    | RequestTimedOut
    | ProgramKilled
    | ProgramEnded
    | RequestRejected
    | ProgramRestarting
)

"""Events and results as lines of text for people. The most important line is the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from extauth.harness.events import (
    Event,
    InputClosed,
    LineReceived,
    LineSent,
    ProgramEnded,
    ProgramRestarting,
    RequestRejected,
)
from extauth.harness.masking import Masker
from extauth.harness.program_manager import ProgramManager
from extauth.harness.protocol_checker import Violation, signal_name
from extauth.harness.statistics import Statistics
from extauth.harness.tables import time_rows

ShowLine = Callable[[str], None]

MAX_SHOWN = 20
"""At most this many violations or differences are shown. A broken program may cause one for each line."""


def event_lines(event: Event, masker: Masker) -> Iterator[str]:
    """Yield the lines that show an event."""
    match event:
        case LineSent():
            yield f"I: {masker.sent(event.line)}"
        case LineReceived():
            yield f"O: {masker.received(event.line)}"
        case InputClosed():
            yield "# standard input closed"
        case RequestRejected():
            yield f"# rejected: {event.number.decode()}"
        case ProgramRestarting():
            for line in _ended_lines(event.ended, masker):
                yield f"# {line}"
            yield f"# restarting in {event.seconds:g} s, pending requests: {event.pending:,}"


def times_line(statistics: Statistics) -> Iterator[str]:
    """Yield one line with the times of the replies, if there are replies."""
    if statistics.replies:
        yield "times: " + ", ".join(f"{name} {time}" for name, time in time_rows(statistics.times()))


def violation_lines(manager: ProgramManager, masker: Masker, harness_errors: Sequence[Violation] = ()) -> Iterator[str]:
    """Yield the violations of the protocol, and the errors in the harness."""
    for violation in [*harness_errors[:MAX_SHOWN], *manager.violations[:MAX_SHOWN]]:
        yield violation_line(violation, masker)
    yield from total_line(manager.violation_count, "violations")


def violation_line(violation: Violation, masker: Masker) -> str:
    """Return the line that shows a violation."""
    return f"violation: {violation_text(violation, masker)}"


def violation_text(violation: Violation, masker: Masker) -> str:
    """Return the text of a violation, with its line."""
    return violation.text if violation.line is None else f"{violation.text}: {masker.received(violation.line)}"


def end_lines(manager: ProgramManager, masker: Masker, harness_errors: int = 0) -> Iterator[str]:
    """Yield the program's standard error, how it ended, and the number of violations.

    `harness_errors`: the number of errors in the harness. They count as violations.
    """
    yield from _ended_lines(manager.ended, masker)
    own = f" (errors in the harness: {harness_errors:,})" if harness_errors else ""
    yield f"violations: {manager.violation_count + harness_errors or 'none'}{own}"


def _ended_lines(ended: ProgramEnded | None, masker: Masker) -> Iterator[str]:
    if ended is None:
        return
    for line in ended.standard_error.splitlines():
        yield f"standard error: {masker.text(line)}"
    status = f"exit status {ended.status}" if ended.status >= 0 else signal_name(ended.status)
    when = "by itself" if ended.took is None else f"{ended.took:.3f} s after end of file"
    yield f"ended {when}, {status}"


def total_line(count: int, what: str) -> Iterator[str]:
    """Yield the number of all violations or differences, if only some of them are shown."""
    if count > MAX_SHOWN:
        yield f"... {count:,} {what} in all"

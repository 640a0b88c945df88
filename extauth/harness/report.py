"""What came of it, for people: plain lines of text, most important last."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from extauth.harness.events import Ended, Event, InputClosed, Received, Rejected, Restarting, Sent
from extauth.harness.expectations import Difference
from extauth.harness.judge import Complaint, signal_name
from extauth.harness.masking import Masker
from extauth.harness.statistics import Statistics
from extauth.harness.supervisor import Supervisor
from extauth.harness.tables import time_rows

Show = Callable[[str], None]

_MAX_SHOWN = 20  # of one kind of trouble: a program gone wild makes one with every line


def event_lines(event: Event, masker: Masker) -> Iterator[str]:
    """What happens, while it does."""
    match event:
        case Sent():
            yield f"I: {masker.sent(event.line)}"
        case Received():
            yield f"O: {masker.received(event.line)}"
        case InputClosed():
            yield "# standard input closed"
        case Rejected():
            yield f"# rejected: {event.number.decode()}"
        case Restarting():
            for line in _ended_lines(event.ended, masker):
                yield f"# {line}"
            yield f"# started anew in {event.seconds:g} s, pending requests: {event.pending:,}"


def difference_lines(differences: list[Difference], masker: Masker) -> Iterator[str]:
    """What was expected and what came, one above the other."""
    for difference in differences[:_MAX_SHOWN]:
        received = difference.received
        yield f"- O: {masker.received(difference.expected.line)}    (line {difference.expected.where})"
        yield "+ nothing" if received is None else f"+ O: {masker.received(received)}"
    yield from _more(len(differences), "differences")


def times_line(statistics: Statistics) -> Iterator[str]:
    """How long the replies took, where there are any."""
    if statistics.replies:
        yield "times: " + ", ".join(f"{name} {time}" for name, time in time_rows(statistics.times()))


def complaint_lines(supervisor: Supervisor, masker: Masker) -> Iterator[str]:
    """What the server would trip over."""
    for complaint in supervisor.complaints[:_MAX_SHOWN]:
        yield f"complaint: {complaint_text(complaint, masker)}"
    yield from _more(supervisor.complained, "complaints")


def complaint_text(complaint: Complaint, masker: Masker) -> str:
    """One complaint, with the line it is about."""
    return complaint.text if complaint.line is None else f"{complaint.text}: {masker.received(complaint.line)}"


def end_lines(supervisor: Supervisor, masker: Masker) -> Iterator[str]:
    """How the program ended, what it wrote to its standard error, and how many complaints there are."""
    yield from _ended_lines(supervisor.ended, masker)
    yield f"complaints: {supervisor.complained or 'none'}"


def _ended_lines(ended: Ended | None, masker: Masker) -> Iterator[str]:
    if ended is None:
        return
    for line in ended.standard_error.splitlines():
        yield f"standard error: {masker.text(line)}"
    status = f"exit status {ended.status}" if ended.status >= 0 else signal_name(ended.status)
    when = "by itself" if ended.took is None else f"{ended.took:.3f} s after end of file"
    yield f"ended {when}, {status}"


def _more(count: int, what: str) -> Iterator[str]:
    if count > _MAX_SHOWN:
        yield f"... {count:,} {what} in all"

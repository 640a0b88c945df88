"""What came of it, for people: plain lines of text, most important last."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from extauth.harness.conversation import Conversation
from extauth.harness.expectations import Difference
from extauth.harness.judge import Complaint, signal_name
from extauth.harness.masking import Masker

Show = Callable[[str], None]

_MAX_SHOWN = 20  # of one kind of trouble: a program gone wild makes one with every line


def difference_lines(differences: list[Difference], masker: Masker) -> Iterator[str]:
    """What was expected and what came, one above the other."""
    for difference in differences[:_MAX_SHOWN]:
        received = difference.received
        yield f"- O: {masker.received(difference.expected.line)}    (line {difference.expected.where})"
        yield "+ nothing" if received is None else f"+ O: {masker.received(received)}"
    yield from _more(len(differences), "differences")


def complaint_lines(complaints: list[Complaint], masker: Masker) -> Iterator[str]:
    """What the server would trip over."""
    for complaint in complaints[:_MAX_SHOWN]:
        yield f"complaint: {complaint_text(complaint, masker)}"
    yield from _more(len(complaints), "complaints")


def complaint_text(complaint: Complaint, masker: Masker) -> str:
    """One complaint, with the line it is about."""
    return complaint.text if complaint.line is None else f"{complaint.text}: {masker.received(complaint.line)}"


def end_lines(conversation: Conversation, masker: Masker) -> Iterator[str]:
    """How the program ended, what it wrote to its standard error, and how many complaints there are."""
    ended, closed_at = conversation.ended, conversation.closed_at
    if ended is None:
        return
    for line in ended.standard_error.splitlines():
        yield f"standard error: {masker.text(line)}"
    status = f"exit status {ended.status}" if ended.status >= 0 else signal_name(ended.status)
    when = "by itself" if closed_at is None else f"{ended.at - closed_at:.3f} s after end of file"
    yield f"ended {when}, {status}"
    yield f"complaints: {len(conversation.complaints) or 'none'}"


def _more(count: int, what: str) -> Iterator[str]:
    if count > _MAX_SHOWN:
        yield f"... {count:,} {what} in all"

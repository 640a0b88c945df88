"""Whether a program tells right passwords from wrong ones: what each reply says, and which ones were not right."""

from __future__ import annotations

from dataclasses import dataclass, field

from extauth.protocol.replies import TEMPORARY_FAILURE

CANNOT_TELL = b"FAILURE"
"""What a reply says that is neither a yes nor a no."""

_TEMPORARY = b"ERROR " + TEMPORARY_FAILURE.encode()
_MAX_SHOWN = 5


def said(reply: bytes) -> bytes:
    """The status of a reply without its number; `CANNOT_TELL` also where it is an ERROR that says so (section 4)."""
    return CANNOT_TELL if reply == _TEMPORARY else reply.partition(b" ")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that is not the right one."""

    request: bytes = field(repr=False)
    reply: bytes = field(repr=False)
    right: bytes
    """The status that the reply should have."""


class Answers:
    """How many there were of one kind, and the first five."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[Answer] = []

    def add(self, answer: Answer) -> None:
        """Another one came."""
        self.count += 1
        if len(self.first) < _MAX_SHOWN:
            self.first.append(answer)

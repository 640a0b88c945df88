"""A check in steps: it yields when it has to wait, and its thread runs other checks meanwhile."""

from __future__ import annotations

import select
import time
from collections.abc import Generator, Iterable
from typing import TypeVar

import msgspec

T = TypeVar("T")

_LONGEST = 1e6  # seconds; poll(2) takes at most about twice as many


class Wait(msgspec.Struct, frozen=True):
    """A check yields this to wait until `fileno` can be read, or until the time `until` (monotonic seconds).

    It may resume too early. It must look for itself, and may wait again. With `can_block`, the thread may send it a
    number of seconds: the check then waits that long itself. That is faster if the thread has nothing else to do.
    """

    fileno: int
    until: float
    can_block: bool = False


Steps = Generator[Wait | None, float | None, T]
"""Yields a Wait; or None before a step that may block, for example one that connects.

Receives seconds after a Wait with `can_block`, and else None.
"""


def run_to_completion(steps: Steps[T]) -> T:
    """Run all steps, wait between them, and return the result."""
    seconds: float | None = None
    try:
        while True:
            wait = steps.send(seconds)
            seconds = None
            if wait is not None and wait.can_block:
                seconds = max(0.0, wait.until - time.monotonic())
            elif wait is not None:
                readable([wait.fileno], wait.until)
    except StopIteration as end:
        found: T = end.value
        return found


def readable(filenos: Iterable[int], until: float | None) -> set[int]:
    """Wait until one of the descriptors can be read, or until that time (monotonic seconds). Return those that can."""
    poll = select.poll()
    for fileno in filenos:
        poll.register(fileno, select.POLLIN)
    milliseconds = None
    if until is not None:
        seconds = min(max(0.0, until - time.monotonic()), _LONGEST)
        milliseconds = int(seconds * 1000) + 1  # round up, so that the time is over afterwards
    return {fileno for fileno, _ in poll.poll(milliseconds)}

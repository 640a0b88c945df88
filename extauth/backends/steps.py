"""A check in steps: where it waits for somebody it says so, and its thread goes on with other checks meanwhile."""

from __future__ import annotations

import select
import time
from collections.abc import Generator, Iterable
from typing import TypeVar

import msgspec

T = TypeVar("T")

_LONGEST = 1e6  # seconds: poll(2) takes no more than twice as many


class Wait(msgspec.Struct, frozen=True):
    """There is nothing to do before something can be read from `fileno`, or `until` (monotonic seconds) is over.

    That is a hint: what is resumed looks for itself, and may wait again. Where it `can_block` it waits itself for as
    many seconds as it is sent, which is quicker where there is nothing else to do.
    """

    fileno: int
    until: float
    can_block: bool = False


Steps = Generator[Wait | None, float | None, T]
"""Yields what it waits for; or None before a step that may itself take its time, such as one that connects.

Is sent seconds where it said that it can block, and else None.
"""


def run_alone(steps: Steps[T]) -> T:
    """Take all steps, and wait in between."""
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
    """Those of the descriptors that can be read, after waiting for one, at most `until` then (monotonic seconds)."""
    poll = select.poll()
    for fileno in filenos:
        poll.register(fileno, select.POLLIN)
    milliseconds = None
    if until is not None:
        seconds = min(max(0.0, until - time.monotonic()), _LONGEST)
        milliseconds = int(seconds * 1000) + 1  # rather too many: else it goes on in vain
    return {fileno for fileno, _ in poll.poll(milliseconds)}

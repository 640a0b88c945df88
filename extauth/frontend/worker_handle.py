"""A worker, as the frontend sees it: its socket, the requests that it has, and how fast it is."""

from __future__ import annotations

import enum
import math
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from extauth.workers.messages import FromWorker, MessageReader

HUNG_AFTER = 10.0
"""Seconds beyond a request's deadline after which its worker counts as hung: the costliest check takes less."""

_SHORT = 0.002  # seconds: work so short costs more to share than to do, because each process must be woken up
_LONG = 0.005  # seconds under way after which a request shows that its work is not short


class WorkerState(enum.Enum):
    """The life of a worker, as the frontend sees it. Each state leads only to later ones."""

    STARTING = 1
    """The supervisor was told to fork it, and has not confirmed it. It may get requests."""

    SERVING = 2
    """It gets requests."""

    RETIRED = 3
    """It hangs or has closed its socket: it gets no more requests."""

    KILLED = 4
    """The supervisor was told to kill it."""


class SentBatch(NamedTuple):
    """A batch that a worker got: its deadline, when it was sent (monotonic seconds), and the range of its keys."""

    deadline: float
    since: float
    keys: range


class WorkerHandle:
    """A worker: its socket, and the keys of the requests that it has."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.socket = sock
        self.reader: MessageReader[FromWorker] = MessageReader(FromWorker)  # type: ignore[arg-type]  # a union
        self.output = bytearray()
        self.under_way: set[int] = set()
        self.batches: deque[SentBatch] = deque()
        self.started = time.monotonic()
        self.state = WorkerState.STARTING
        self.on_events: Callable[[int], None] = lambda events: None
        self._pace = math.inf  # seconds for one result
        self._since = 0.0  # when its last result came, or when it got a request while it had none

    def advance(self, state: WorkerState) -> bool:
        """Go on to a later state. Return False if the worker is in that state, or beyond it, already."""
        if self.state.value >= state.value:
            return False
        self.state = state
        return True

    @property
    def is_retired(self) -> bool:
        """Whether it gets no more requests."""
        return self.state.value >= WorkerState.RETIRED.value

    def add(self, keys: list[int], deadline: float, now: float) -> None:
        """Add requests that are under way."""
        if not self.under_way:
            self._since = now
        self.under_way.update(keys)
        self.batches.append(SentBatch(deadline, now, range(min(keys), max(keys) + 1)))

    def remove(self, keys: list[int]) -> list[int]:
        """Remove requests that have a result. Return those that the worker really had: no other result counts."""
        finished = keys if self.under_way.issuperset(keys) else [key for key in keys if key in self.under_way]
        self.under_way.difference_update(finished)
        return finished

    def take_all(self) -> list[int]:
        """Remove and return all requests: the worker has ended."""
        lost, self.under_way = list(self.under_way), set()
        return lost

    def learn_pace(self, results: int, now: float, *, fast: bool) -> None:
        """Learn how long the worker took for these results: an average, because one wait for a core says little.

        Results that were not fast say nothing about the next ones: in threads each may take long.
        """
        if not results:
            return  # only a broken worker sends such a message
        pace = (now - self._since) / results if fast else math.inf
        if math.inf in (pace, self._pace):
            self._pace = pace
        else:
            self._pace += (min(pace, 2 * self._pace) - self._pace) / 4
        self._since = now

    def will_finish_soon(self, more: int, now: float) -> bool:
        """Return whether it will soon be done with so many more requests, as far as its pace tells."""
        if (len(self.under_way) + more) * self._pace > _SHORT:
            return False
        oldest = self._oldest()
        return oldest is None or now - oldest.since < _LONG

    def is_hung(self, now: float) -> bool:
        """Return whether a request is far beyond its deadline."""
        oldest = self._oldest()
        return oldest is not None and oldest.deadline + HUNG_AFTER < now

    def _oldest(self) -> SentBatch | None:
        """Return the first batch with a request that is under way."""
        while self.batches and self.under_way.isdisjoint(self.batches[0].keys):
            self.batches.popleft()
        return self.batches[0] if self.batches else None

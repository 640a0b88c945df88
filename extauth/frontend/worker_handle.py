"""A worker, as the frontend sees it: its requests, how fast it is, whether it is alive, and which requests it gets."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extauth.chain.call_marks import IN_CALL, NOT_REPEATABLE, SLOTS, CallMarks
from extauth.frontend.states import WorkerState
from extauth.workers.messages import RequestBatch

_SHORT = 0.002  # seconds: work so short costs more to share than to do, because each process must be woken up
_LONG = 0.005  # seconds under way after which a request shows that its work is not short
_SLOTS = tuple(range(SLOTS - 1, -1, -1))  # all handles use the same numbers: that saves memory
_BEAT = 0.25  # seconds between two beats of a worker at most, if the processor has much to do


class SentBatch(NamedTuple):
    """A batch that a worker got: its deadline, when it was sent (monotonic seconds), its slots and their keys."""

    deadline: float
    since: float
    slots: list[int]
    keys: Sequence[int]


class LostRequests(NamedTuple):
    """The requests, by their keys, of a worker that has died."""

    untouched: list[int]
    """They go to another worker: no backend was called."""

    suspects: list[int]
    """Only repeatable backends were called: each goes to a worker of its own, because it may be the one that kills."""

    failed: list[int]
    """A backend that is not repeatable was called: they fail."""


class WorkerHandle:
    """A worker: its marks and its requests. Each has a slot there; the frontend knows it by its key."""

    def __init__(self, number: int, marks: CallMarks) -> None:
        self.number = number
        self.started = time.monotonic()
        self._state = self._working_state = WorkerState.STARTING
        self._marks = marks
        self._keys: dict[int, int] = {}  # by slot
        self._free = list(_SLOTS)
        self._revoked: list[int] = []  # slots
        self._given_away: set[int] = set()  # slots whose requests other workers have; each still gets a result
        self._batches: deque[SentBatch] = deque()
        self._sent = 0  # batches
        self._unhandled: deque[tuple[int, float]] = deque()  # number of a batch, when it was sent
        self._signs = (0, 0, 0)
        self._beat_at = self._progress_at = self.started
        self._pace = math.inf  # seconds for one result
        self._since = 0.0  # when its last result came, or when it got a request while it had none

    # --- state ----------------------------------------------------------------------------------------

    @property
    def state(self) -> WorkerState:
        """Its state."""
        return self._state

    @property
    def working_state(self) -> WorkerState:
        """Its state, or for a worker that is retired, has disconnected or was killed: the one before."""
        return self._working_state

    def change(self, state: WorkerState) -> bool:
        """Go to this state. Return False, and change nothing, if it cannot come next."""
        if not self._state.may_become(state):
            return False
        self._state = state
        if not state.is_retired:
            self._working_state = state
        return True

    # --- requests -------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many requests it has."""
        return len(self._keys)

    def add(self, keys: Sequence[int], deadline: float, now: float) -> list[int]:
        """Add requests. Return their slots."""
        if not self._keys:
            self._since = now
        self._drop_finished()
        free, clear = self._free, self._marks.clear
        slots = [free.pop() for _ in keys]
        for slot in slots:
            clear(slot)
        self._keys.update(zip(slots, keys, strict=True))
        self._batches.append(SentBatch(deadline, now, slots, keys))
        self._sent += 1
        self._unhandled.append((self._sent, now))
        return slots

    @property
    def room(self) -> int:
        """How many requests it can get."""
        return len(self._free)

    def remove(self, slots: list[int]) -> list[int]:
        """Remove requests that have a result. Return the keys of those that the worker really had: no other counts."""
        pop, keys = self._keys.pop, []
        for slot in slots:
            key = pop(slot, None)
            if key is not None:
                keys.append(key)
            elif slot in self._given_away:
                self._given_away.discard(slot)
            else:
                continue
            self._free.append(slot)
        return keys

    def key_of(self, slot: int) -> int | None:
        """Return the key of a request that it has."""
        return self._keys.get(slot)

    def revoke(self, *, in_call: bool) -> None:
        """Revoke the requests that may be sent to another worker. `take_revoked` returns them some milliseconds later.

        `in_call`: also those for which a repeatable backend runs.
        """
        forbidden = NOT_REPEATABLE if in_call else NOT_REPEATABLE | IN_CALL
        for slot in self._keys:
            if not self._marks.called[slot] & forbidden and not self._marks.revoked[slot]:
                self._marks.revoked[slot] = 1
                self._revoked.append(slot)

    def take_revoked(self) -> LostRequests:
        """Remove the revoked requests, but for those that a backend that is not repeatable was called for meanwhile."""
        lost = LostRequests([], [], [])
        for slot in self._revoked:
            mark = self._marks.called[slot]
            if slot in self._keys and not mark & NOT_REPEATABLE:
                (lost.suspects if mark & IN_CALL else lost.untouched).append(self._keys.pop(slot))
                self._given_away.add(slot)
        self._revoked = []
        return lost

    def take_lost(self) -> LostRequests:
        """Remove all requests: the worker has died."""
        lost = LostRequests([], [], [])
        for slot, key in self._keys.items():
            mark = self._marks.called[slot]
            if mark & NOT_REPEATABLE:
                lost.failed.append(key)
            elif mark:
                lost.suspects.append(key)
            else:
                lost.untouched.append(key)
        self._keys.clear()
        return lost

    def last_deadline(self) -> float:
        """Return the latest deadline of the requests that it has (monotonic seconds); 0.0 without requests."""
        self._drop_finished()
        return max((sent.deadline for sent in self._batches), default=0.0)

    # --- pace and signs of life -----------------------------------------------------------------------

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
        if (len(self._keys) + more) * self._pace > _SHORT:
            return False
        self._drop_finished()
        return not self._batches or now - self._batches[0].since < _LONG

    def _drop_finished(self) -> None:
        """Drop the first batches that have no request under way."""
        get = self._keys.get
        while self._batches:
            _, _, slots, keys = self._batches[0]
            if any(get(slot) == key for slot, key in zip(slots, keys, strict=True)):
                return
            self._batches.popleft()

    def silent_for(self, now: float) -> float:
        """Return for how many seconds it has shown no sign of life, though it should: 0.0 if all is well."""
        signs = beat, progress, handled = self._marks.signs_of_life
        if signs != self._signs:
            if beat != self._signs[0]:
                self._beat_at = now
            if (progress, handled) != self._signs[1:]:
                self._progress_at = now
            self._signs = signs
        while self._unhandled and self._unhandled[0][0] <= handled:
            self._unhandled.popleft()
        silence = 0.0
        if self._unhandled:
            silence = now - max(self._unhandled[0][1], self._progress_at)
        if self._keys:
            silence = max(silence, now - max(self._beat_at, self._batches[0].since) - _BEAT)
        return max(0.0, silence)


def share_requests(
    batch: RequestBatch, workers: Sequence[WorkerHandle], now: float
) -> Iterator[tuple[WorkerHandle, RequestBatch]]:
    """Give all requests to a worker that will soon finish them, or share them, so that all workers have as many.

    Each worker gets at most one part. `now`: monotonic seconds.
    """
    for worker in workers:
        if worker.will_finish_soon(len(batch.keys), now):
            yield worker, batch
            return
    even = (sum(map(len, workers)) + len(batch.keys)) / (len(workers) or 1)
    start = 0
    for worker in sorted(workers, key=len):
        end = start + max(0, math.ceil(even - len(worker)))
        part = batch.part(start, end)
        if part.keys:
            yield worker, part
        start = end

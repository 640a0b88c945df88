"""Threads that a worker cannot do without, and one of them: the monitor, which shows signs of life and runs timers.

If one of these threads failed alone, its requests would wait for ever.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import ParamSpec

from extauth.chain.call_marks import CallMarks
from extauth.guard import GuardedErrors, call_guarded

P = ParamSpec("P")

OnFailure = Callable[[str], None]
"""Logs why a thread, or a backend, has failed."""

_INTERVAL = 0.1  # seconds between two beats


def start_critical_thread(
    name: str, on_failure: OnFailure, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Run `call_critical` in a thread of that name. Raise RuntimeError if the system has no more threads."""

    def run() -> None:
        call_critical(name, on_failure, function, *args, **kwargs)

    threading.Thread(target=run, name=name, daemon=True).start()


def call_critical(
    name: str, on_failure: OnFailure, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call a function. If it raises an error, log it and end the process.

    The frontend then starts another worker, and replies to the requests that this one had.
    """
    try:
        call_guarded(function, *args, **kwargs)
    except GuardedErrors as error:
        try:
            on_failure(f"thread {name} failed: {error}; ending this worker")
        finally:
            os._exit(1)


class Monitor:
    """Calls functions at their times (monotonic seconds), and `checks` at each beat. They must not wait."""

    def __init__(self, marks: CallMarks, on_failure: OnFailure) -> None:
        self._marks = marks
        self._checks: list[Callable[[float], None]] = []
        self._timers: list[tuple[float, int, Callable[[int, int], None], int, int]] = []
        self._order = itertools.count()  # functions cannot be compared
        self._changed = threading.Condition()
        self._on_failure = on_failure

    def start(self, checks: Iterable[Callable[[float], None]]) -> None:
        """Start the thread."""
        self._checks += checks
        start_critical_thread("monitor", self._on_failure, self._run)

    def call_at(self, when: float, function: Callable[[int, int], None], slot: int, calls: int) -> None:
        """Call `function(slot, calls)` at this time. A timer holds numbers only, and so no password."""
        with self._changed:
            heapq.heappush(self._timers, (when, next(self._order), function, slot, calls))
            if self._timers[0][0] == when:
                self._changed.notify()

    def _run(self) -> None:
        next_beat = 0.0
        while True:
            now = time.monotonic()
            if now >= next_beat:
                self._marks.beat()
                for check in self._checks:
                    check(now)
                next_beat = now + _INTERVAL
            with self._changed:
                due = []
                while self._timers and self._timers[0][0] <= now:
                    due.append(heapq.heappop(self._timers))
                if not due:
                    until = min(next_beat, self._timers[0][0]) if self._timers else next_beat
                    self._changed.wait(until - now)
            for _, _, function, slot, calls in due:
                function(slot, calls)

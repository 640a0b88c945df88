"""What has to be done at a time, unless it has been done before."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from extauth.workers.critical_thread import start_critical_thread


class TimeoutThread:
    """Calls functions at their times (monotonic seconds), in a thread of its own; `fails` is told why that ended."""

    def __init__(self, fails: Callable[[str], None]) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()  # functions cannot be compared
        self._changed = threading.Condition()
        start_critical_thread("alarms", fails, self._run)

    def set(self, when: float, function: Callable[[], None]) -> None:
        """Have `function` called at `when`; it must not wait for anything."""
        with self._changed:
            heapq.heappush(self._heap, (when, next(self._order), function))
            if self._heap[0][0] == when:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap or self._heap[0][0] > time.monotonic():
                    self._changed.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                _, _, function = heapq.heappop(self._heap)
            function()

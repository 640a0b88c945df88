"""Time limits of everything under way, with one timer of the event loop: one for each login would cost more CPU."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

_INTERVAL = 0.1  # seconds; a time limit is over at most that late


class HasTimeLimits(Protocol):
    """Something that waits with time limits."""

    def check_times(self, now: float) -> bool:
        """End what has waited too long (monotonic seconds). Return whether anything still waits."""


class Timers:
    """Looks at all time limits every 0.1 seconds, while there are any."""

    def __init__(self) -> None:
        self._watched: set[HasTimeLimits] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, waiting: HasTimeLimits) -> None:
        """Look at this one until nothing in it waits."""
        self._watched.add(waiting)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        for waiting in list(self._watched):
            if not waiting.check_times(now):
                self._watched.discard(waiting)
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._look) if self._watched else None

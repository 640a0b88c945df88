"""Whether an event loop goes on, seen from another thread."""

from __future__ import annotations

import asyncio
import threading
from time import clock_gettime, pthread_getcpuclockid

from extauth.guard import place_of_thread
from extauth.workers.backend_threads import HANGS_AFTER

_COMPUTES_AT_MOST = 2.0  # seconds for which code may compute in the loop before a new worker takes over
_BUSY = 0.02  # seconds of processor time within HANGS_AFTER that show that code computes


class LoopWatch:
    """Looks from another thread whether an event loop goes on: it asks for a sign, and looks whether it has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asked_at = 0.0  # 0.0: the sign has come
        self._cpu_then = 0.0
        self._thread = self._clock = 0
        self._blocked = 0.0
        self._places: set[str] = set()
        self.place = ""
        self.is_new_place = False

    def begin(self) -> None:
        """Watch the loop that runs in this thread."""
        self._thread = threading.get_ident()
        self._clock = pthread_getcpuclockid(self._thread)

    def blocked_for(self, now: float, *, is_busy: bool) -> float:
        """Return for how many seconds code has blocked the loop; 0.0 if it goes on. `is_busy`: it has tasks."""
        if not self._asked_at:
            self._blocked = 0.0
            if is_busy and self._clock:
                self._cpu_then = clock_gettime(self._clock)
                self._asked_at = now
                self._loop.call_soon_threadsafe(self._sign)
            return 0.0
        self._blocked = now - self._asked_at
        self.place = place_of_thread(self._thread)
        self.is_new_place = self.place not in self._places
        self._places.add(self.place)
        return self._blocked

    @property
    def hangs(self) -> bool:
        """Whether the code waits, and has not computed; or has computed for very long."""
        has_computed = clock_gettime(self._clock) - self._cpu_then >= _BUSY
        return self._blocked >= (_COMPUTES_AT_MOST if has_computed else HANGS_AFTER)

    def _sign(self) -> None:
        self._asked_at = 0.0

"""How often something may happen in some seconds, counted over all processes that were forked from one."""

from __future__ import annotations

import mmap
import time


class SharedLimit:
    """At most `limit` times in `seconds`, over all processes that are forked after this was made.

    Each place in shared memory has the time when it was taken last. There is no lock that a killed process could keep:
    two processes that look at the same moment may take the same place, and then it happens once more.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._places = memoryview(mmap.mmap(-1, 8 * limit)).cast("d")  # anonymous, so that it needs no descriptor

    def take(self) -> bool:
        """Take a place. Return False if there is none."""
        now = time.monotonic()
        for number, taken in enumerate(self._places):
            if not taken or now - taken >= self._seconds:
                self._places[number] = now
                return True
        return False

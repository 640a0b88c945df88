"""A fair queue beside which its readers can wait for other things."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import TypeVar

from extauth.workers.fair_queue import FairQueue

W = TypeVar("W", bound=Hashable)
T = TypeVar("T")


class WatchedQueue(FairQueue[W, T]):
    """Those who watch look at `signal`, a descriptor: it can be read as long as something waits that came meanwhile.

    Who takes the last leaves it so; the next one who finds nothing takes it back. Hence nobody who watches misses
    anything, whoever else has woken up and has no room.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle = 0  # threads that wait in `get`
        self._watching = 0
        self._is_signalled = False
        self.signal = os.eventfd(0, os.EFD_CLOEXEC)

    def put(self, whom: W, item: T) -> None:
        """Add it behind what waits for `whom`."""
        with self._changed:
            self._add(whom, item)
            if self._idle:
                self._idle -= 1
                self._changed.notify()
            elif self._watching and not self._is_signalled:
                self._is_signalled = True
                os.eventfd_write(self.signal, 1)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits in `get`."""
        return self._idle > 0

    def get(self) -> T:
        """Take what is next; wait for it."""
        with self._changed:
            while not self._waiting:
                self._idle += 1
                self._changed.wait()
            return self._next()

    def get_or_watch(self) -> T | None:
        """Take what is next. None where nothing waits: the caller then watches, up to `stop_watching`."""
        with self._changed:
            if self._waiting:
                return self._next()
            if self._is_signalled:
                self._is_signalled = False
                os.eventfd_read(self.signal)
            self._watching += 1
            return None

    def stop_watching(self) -> None:
        """Watch no longer."""
        with self._changed:
            self._watching -= 1

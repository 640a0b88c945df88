"""A queue in which accounts take turns, so that no account waits behind a crowd of requests for another one."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class FairQueue(Generic[K, T]):
    """Items of one key come out in the order in which they were put in; the keys take turns.

    So a hundred wrong passwords for one account, each as costly as a right one, delay no other account's login.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[K, deque[T]] = OrderedDict()
        self._changed = threading.Condition()

    def put(self, key: K, item: T) -> None:
        """Add an item behind the others of its key."""
        with self._changed:
            self._add(key, item)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """The number of keys with items at this moment."""
        return len(self._waiting)

    def get(self) -> T:
        """Take the next item. Wait for it."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            return self._take_next()

    def _add(self, key: K, item: T) -> None:
        self._waiting.setdefault(key, deque()).append(item)

    def _take_next(self) -> T:
        key, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[key] = items  # at the end: the other keys come first
        return item


class WatchableQueue(FairQueue[K, T]):
    """A fair queue for threads that wait for other descriptors too: they watch `signal`.

    `signal` is a descriptor that is readable while an item waits that came after `get_or_watch`. The thread that takes
    the last item leaves it readable. The next thread that finds nothing resets it. So no watching thread misses an
    item, even if another thread wakes up and has no room.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle = 0  # threads that wait in `get`
        self._watching = 0
        self._is_signalled = False
        self.signal = os.eventfd(0, os.EFD_CLOEXEC)

    def put(self, key: K, item: T) -> None:
        """Add an item behind the others of its key."""
        with self._changed:
            self._add(key, item)
            if self._idle:
                self._idle -= 1
                self._changed.notify()
            elif self._watching and not self._is_signalled:
                self._is_signalled = True
                os.eventfd_write(self.signal, 1)

    @property
    def has_idle_reader(self) -> bool:
        """Whether a thread waits in `get`."""
        return self._idle > 0

    def get(self) -> T:
        """Take the next item. Wait for it."""
        with self._changed:
            while not self._waiting:
                self._idle += 1
                self._changed.wait()
            return self._take_next()

    def get_or_watch(self) -> T | None:
        """Take the next item. If there is none, return None; the caller then watches until `stop_watching`."""
        with self._changed:
            if self._waiting:
                return self._take_next()
            if self._is_signalled:
                self._is_signalled = False
                os.eventfd_read(self.signal)
            self._watching += 1
            return None

    def stop_watching(self) -> None:
        """Watch no longer."""
        with self._changed:
            self._watching -= 1

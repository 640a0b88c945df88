"""A queue in which accounts take turns, so that no account waits behind a crowd of requests for another one."""

from __future__ import annotations

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
            self._waiting.setdefault(key, deque()).append(item)
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

    def take(self) -> T | None:
        """Take the next item. Return None if there is none."""
        if not self._waiting:
            return None
        with self._changed:
            return self._take_next() if self._waiting else None

    def _take_next(self) -> T:
        key, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[key] = items  # at the end: the other keys come first
        return item

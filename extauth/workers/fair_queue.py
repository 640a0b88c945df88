"""A queue in which nobody waits behind a crowd: those who put something in are served in turn."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

W = TypeVar("W", bound=Hashable)
T = TypeVar("T")


class FairQueue(Generic[W, T]):
    """What is put in for one `whom` comes out in its order; between them it goes round.

    So a hundred wrong passwords for one account, each as costly as a right one, hold back nobody else's login.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[W, deque[T]] = OrderedDict()
        self._changed = threading.Condition()

    def put(self, whom: W, item: T) -> None:
        """Add it behind what waits for `whom`."""
        with self._changed:
            self._add(whom, item)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """For how many something waits at this moment."""
        return len(self._waiting)

    def get(self) -> T:
        """Take what is next; wait for it."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            return self._next()

    def _add(self, whom: W, item: T) -> None:
        self._waiting.setdefault(whom, deque()).append(item)

    def _next(self) -> T:
        whom, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[whom] = items  # at the end: the others come first
        return item

"""A queue in which accounts take turns, so that no account waits behind a crowd of requests for another one.

Accounts that have not logged in since the helper started are newcomers. All newcomers together have one turn. While
other accounts use the backend too, newcomers have at most half of its places. So an attacker who tries a thousand names
does not delay users who have logged in before.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from typing import Generic, TypeVar

from extauth.model import Account

K = TypeVar("K")
T = TypeVar("T")

_SHARED_FOR = 60.0  # seconds since the last request of an account that has logged in before


class FairQueue(Generic[T]):
    """Items of one account come out in the order in which they were put in; the accounts take turns.

    So a hundred wrong passwords for one account, each as costly as a right one, delay no other account's login.
    """

    def __init__(self, places: int) -> None:
        self._turns: OrderedDict[Account | None, deque[T]] = OrderedDict()  # None: the turn of the newcomers
        self._newcomers: OrderedDict[Account, deque[T]] = OrderedDict()
        self._newcomers_under_way = 0
        self._places = places
        self._others_came_at = -math.inf  # when a request of another account came last (monotonic seconds)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._getters = 0  # threads that wait in `get`

    def put(self, account: Account, item: T, *, is_newcomer: bool) -> None:
        """Add an item behind the others of its account."""
        with self._lock:  # the lock of the condition, whose own methods take longer
            if is_newcomer:
                self._newcomers.setdefault(account, deque()).append(item)
                self._turns.setdefault(None, deque())
            else:
                self._turns.setdefault(account, deque()).append(item)
                self._others_came_at = time.monotonic()
            self._notify()

    @property
    def waiting(self) -> int:
        """The number of accounts with items at this moment, roughly."""
        return len(self._turns) + len(self._newcomers)

    def get(self) -> T:
        """Take the next item. Wait for it."""
        with self._lock:
            while (item := self._take_next()) is None:
                self._getters += 1
                self._changed.wait()
                self._getters -= 1
            return item

    def take(self) -> T | None:
        """Take the next item. Return None if there is none, or if only newcomers wait and have all their places."""
        if not self._turns:
            return None
        with self._lock:
            return self._take_next()

    def free_place(self, *, is_newcomer: bool) -> None:
        """Say that an item that was taken has no place any more."""
        if is_newcomer:
            with self._lock:
                self._newcomers_under_way -= 1
                self._notify()

    def _notify(self) -> None:
        if self._getters:
            self._changed.notify()

    def _most_newcomers(self) -> int:
        """Return how many places newcomers may have."""
        is_shared = time.monotonic() - self._others_came_at < _SHARED_FOR
        return max(1, self._places // 2) if is_shared else self._places

    def _take_next(self) -> T | None:
        for _ in range(min(2, len(self._turns))):  # one of two turns is not that of the newcomers
            account, items = self._turns.popitem(last=False)
            if account is not None:
                return _take_from(self._turns, account, items)
            if self._newcomers_under_way < self._most_newcomers():
                self._newcomers_under_way += 1
                item = _take_from(self._newcomers, *self._newcomers.popitem(last=False))
                if self._newcomers:
                    self._turns[None] = items
                return item
            self._turns[None] = items
        return None


def _take_from(waiting: OrderedDict[K, deque[T]], account: K, items: deque[T]) -> T:
    """Return the first of the account's items. If there are more, the account waits at the end: others come first."""
    item = items.popleft()
    if items:
        waiting[account] = items
    return item

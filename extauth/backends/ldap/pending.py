"""Requests that wait for their responses, and the time limits of everything that waits."""

from __future__ import annotations

import asyncio
import os
import time
from array import array
from collections.abc import Callable
from typing import Protocol

from extauth.backends.ldap.messages import LdapEntry, LdapResult
from extauth.backends.ldap.servers import ServerUnavailable

Outcome = LdapResult | ServerUnavailable
"""What became of a request."""

_INTERVAL = 0.1  # seconds; a time limit is over at most that late


class PendingOperation:
    """An LDAP operation: a request that waits for its response until some time (monotonic seconds)."""

    __slots__ = ("entries", "kind", "on_done", "until")

    def __init__(self, kind: int, until: float, on_done: Callable[[Outcome], None]) -> None:
        self.kind = kind
        self.until = until
        self.on_done = on_done
        self.entries: list[LdapEntry] = []


def settle(future: asyncio.Future[LdapResult], outcome: Outcome) -> None:
    """Give a future its result or exception, unless nothing waits for it any more."""
    if future.done():
        return
    if isinstance(outcome, LdapResult):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


def random_numbers() -> list[int]:
    """Return numbers of 31 bits. 30 of them cannot be predicted; the first one is 1, so that each takes four bytes."""
    return [(number >> 2) | 1 << 30 for number in array("I", os.urandom(1024))]


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

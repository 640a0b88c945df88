"""Requests on one connection that wait for their responses, and their numbers."""

from __future__ import annotations

import asyncio
import os
from array import array
from collections.abc import Callable

from extauth.backends.ldap.messages import LdapEntry, LdapResult
from extauth.backends.ldap.servers import ServerUnavailable

Outcome = LdapResult | ServerUnavailable
"""What became of a request."""


class PendingRequest:
    """A request that waits for its response until some time (monotonic seconds)."""

    __slots__ = ("entries", "kind", "on_done", "until")

    def __init__(self, kind: int, until: float, on_done: Callable[[Outcome], None]) -> None:
        self.kind = kind
        self.until = until
        self.on_done = on_done
        self.entries: list[LdapEntry] = []


def settle(future: asyncio.Future[LdapResult], outcome: Outcome) -> None:
    """Give a future its result or exception, unless nobody waits for it any more."""
    if future.done():
        return
    if isinstance(outcome, LdapResult):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


def random_numbers() -> list[int]:
    """Return numbers of 31 bits. Nobody can predict 30 of them; the first one is 1, so that each takes four bytes."""
    return [(number >> 2) | 1 << 30 for number in array("I", os.urandom(1024))]

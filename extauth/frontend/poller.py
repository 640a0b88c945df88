"""Descriptors to the functions that wait for them."""

from __future__ import annotations

import select
from collections.abc import Callable

READ = select.POLLIN
WRITE = select.POLLOUT
HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Poller:
    """`select.poll`, that takes regular files too, with a function per descriptor."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, tuple[int, Callable[[int], None]]] = {}

    def watch(self, descriptor: int, events: int, handler: Callable[[int], None]) -> None:
        """Call `handler(events that came)` from now on; with `events` 0 still for `HUNG_UP`."""
        found = self._handlers.get(descriptor)
        if found is None or found[0] != events or found[1] != handler:
            self._poll.register(descriptor, events)
            self._handlers[descriptor] = (events, handler)

    def forget(self, descriptor: int) -> None:
        """Wait for it no more."""
        if self._handlers.pop(descriptor, None):
            self._poll.unregister(descriptor)

    def wait(self, seconds: float) -> None:
        """Wait until something comes, at most `seconds`, and have it handled."""
        for descriptor, events in self._poll.poll(seconds * 1000 if seconds > 0 else 0):
            found = self._handlers.get(descriptor)  # a handler before it may have ended it
            if found:
                found[1](events)


def is_ready(descriptor: int, events: int) -> bool:
    """Whether one of `events` is there at this moment."""
    poll = select.poll()
    poll.register(descriptor, events)
    return bool(poll.poll(0))

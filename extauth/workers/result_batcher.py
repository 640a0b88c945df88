"""Results on their way from a worker to the frontend: under load several travel in one message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from extauth.workers.messages import KeyedResult

MAX_DELAY = 0.02
"""Seconds after which a held result is sent at the next look.

Under load each new result is such a look, so most results wait much less. None waits more than about twice as long.
"""

FOLLOWS_WITHIN = MAX_DELAY / 4
"""Seconds within which the next result must follow to be worth waiting for."""


class ResultBatcher:
    """Holds results back while others follow closely. Someone must look every `MAX_DELAY` seconds for old ones.

    Every message wakes the frontend and the mail server, which costs more than most checks do. It never holds more
    results than follow, so that a mail server that waits for a reply before its next request is not slowed down.
    """

    def __init__(self, send: Callable[[list[KeyedResult], bool], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._held: list[KeyedResult] = []
        self._oldest = 0.0
        self._is_watched = False

    def put(self, result: KeyedResult, *, followers: int) -> None:
        """Send a result with the held ones, or hold it back. `followers`: how many results follow closely."""
        with self._lock:
            now = time.monotonic()
            if not self._held:
                self._oldest = now
            self._held.append(result)
            if not self._is_watched or followers < len(self._held) or now - self._oldest > MAX_DELAY:
                self._flush()

    def put_all(self, results: Iterable[KeyedResult]) -> None:
        """Send results that came together, with the held ones."""
        with self._lock:
            self._held += results
            self._flush()

    def send(self, results: Iterable[KeyedResult]) -> None:
        """Send fast results, together with the held ones, which were not fast."""
        with self._lock:
            fast = not self._held
            self._held += results
            self._flush(fast=fast)

    def set_watched(self, is_watched: bool) -> None:
        """Send old results. Say whether `send_old` is called again within `MAX_DELAY`; if not, send everything."""
        self._is_watched = is_watched
        self.send_old()

    def send_old(self) -> None:
        """Send the held results if the oldest is old enough, or if there will be no later look."""
        with self._lock:
            if self._held and not (self._is_watched and time.monotonic() - self._oldest < MAX_DELAY):
                self._flush()

    def _flush(self, *, fast: bool = False) -> None:
        held, self._held = self._held, []
        self._send(held, fast)

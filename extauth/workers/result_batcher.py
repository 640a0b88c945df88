"""A worker's answers on their way to the front process: under load several travel together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from extauth.model import Result

KeyedResult = tuple[Result, list[int]]
"""A decision, with the keys of the questions that it is the answer to."""

OLDEST = 0.02
"""Seconds after which an answer that waits for others to travel with is sent as soon as somebody looks.

That is at most as many seconds later, and mostly at once: under load somebody looks with each answer.
"""

AT_ONCE = OLDEST / 4
"""Seconds within which an answer follows at once: less is saved by waiting for one that takes longer."""


class ResultBatcher:
    """Holds answers back while others follow at once, and somebody looks every `OLDEST` seconds whether one is so old.

    Every message wakes the front process and the mail server, which costs more than most answers do. But what is held
    back is never more than what follows, so that those who wait for an answer to ask again leave no gap.
    """

    def __init__(self, send: Callable[[list[KeyedResult], bool], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._held: list[KeyedResult] = []
        self._oldest = 0.0
        self._watched = False

    def put(self, answer: KeyedResult, *, more: int) -> None:
        """Send an answer, with those that were held back; or hold it back, where so many `more` follow at once."""
        with self._lock:
            now = time.monotonic()
            if not self._held:
                self._oldest = now
            self._held.append(answer)
            if not self._watched or more < len(self._held) or now - self._oldest > OLDEST:
                self._flush()

    def send(self, answers: Iterable[KeyedResult]) -> None:
        """Send quick answers, and those that were held back, which are not."""
        with self._lock:
            quick = not self._held
            self._held += answers
            self._flush(quick=quick)

    def watch(self, watched: bool) -> None:
        """Send what is old enough; say whether somebody looks again within `OLDEST`, if not send everything."""
        self._watched = watched
        self.look()

    def look(self) -> None:
        """Send what is old enough, or everything where nobody will look."""
        with self._lock:
            if self._held and not (self._watched and time.monotonic() - self._oldest < OLDEST):
                self._flush()

    def _flush(self, *, quick: bool = False) -> None:
        held, self._held = self._held, []
        self._send(held, quick)

"""How many requests, which replies, how quickly: counted as it happens, in bounded memory."""

from __future__ import annotations

import time
from collections import Counter

from extauth.harness.events import Event, Received, Rejected, Restarting, TimedOut
from extauth.harness.histogram import Histogram
from extauth.harness.judge import Complaint
from extauth.harness.timeline import Timeline
from extauth.harness.wire import STATUSES

OTHERS = b"others"
NO_KNOWN_REPLY = b"no known reply"
"""The kinds that are no replies themselves: these begin with a status."""

_MAX_KINDS = 50
_MAX_MARKS = 20
_SECRET = (b"PLAIN", b"INTF")  # what follows is no kind of reply, and may be a password


class Statistics:
    """Counts what a supervisor reports."""

    def __init__(self) -> None:
        self.kinds: Counter[bytes] = Counter()
        """How often each reply came, without its number; past a bounded number of kinds all others are one."""
        self.rejected = 0
        self.marks: list[tuple[float, str]] = []
        """When what befell the program, in seconds since the beginning."""
        self.timeline = Timeline()
        self._began = time.monotonic()

    @property
    def replies(self) -> int:
        """How many requests were answered."""
        return self.kinds.total()

    def times(self) -> Histogram:
        """How long the replies took."""
        return self.timeline.total()

    def answered(self, at: float, times: list[float], replies: list[bytes]) -> None:
        """At `at` of the monotonic clock these replies came, without their numbers, after these times."""
        self.timeline.add(at - self._began, times)
        for reply, count in Counter(replies).items():
            self.kinds[self._kind(reply)] += count

    def see(self, event: Event | Complaint) -> None:
        """Count what happens."""
        match event:
            case Received() if event.answers:
                self.answered(event.at, [event.at - event.answers.at], [event.line.partition(b" ")[2]])
            case Rejected():
                self.rejected += 1
            case TimedOut():
                self._mark(event.at, "time-out")
            case Restarting():
                self._mark(event.at, "restart")

    def _mark(self, at: float, text: str) -> None:
        if len(self.marks) < _MAX_MARKS:
            self.marks.append((at - self._began, text))

    def _kind(self, reply: bytes) -> bytes:
        status = reply.partition(b" ")[0]
        if status not in STATUSES:
            return NO_KNOWN_REPLY
        kind = status if status in _SECRET else reply
        return kind if kind in self.kinds or len(self.kinds) < _MAX_KINDS else OTHERS

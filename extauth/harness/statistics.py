"""Counts of requests and replies, and the times of the replies. Memory is bounded."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator

from extauth.harness.events import Event, LineReceived, ProgramRestarting, RequestRejected, RequestTimedOut
from extauth.harness.lines import STATUSES
from extauth.harness.protocol_checker import Violation

OTHER_REPLIES = b"other replies"
INVALID_REPLY = b"invalid reply"
"""Kinds that are no replies themselves. Replies begin with a status."""

_MAX_KINDS = 50
_MAX_MARKS = 20
_SECRET = (b"PLAIN", b"INTF")  # the text after these may be a password or has too many values

_BUCKETS_PER_DOUBLING = 32
_FIRST_WIDTH = 0.05  # seconds
_MAX_SLICES = 120


class Histogram:
    """Counts times in buckets, with an error of at most two percent. Millions of times need only a few kilobytes.

    Times are in seconds. Up to 64 microseconds a bucket is one microsecond wide. Above that its width grows with the
    time.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.longest = 0.0

    def __len__(self) -> int:
        return sum(self._counts.values())

    def add(self, times: list[float]) -> None:
        """Count these times."""
        if times:
            self.longest = max(self.longest, max(times))
        for microseconds, count in Counter([int(seconds * 1e6) for seconds in times]).items():
            self._add(_bucket(microseconds), count)

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram."""
        self.longest = max(self.longest, other.longest)
        for bucket, count in other._counts.items():
            self._add(bucket, count)

    def buckets(self) -> Iterator[tuple[float, float, int]]:
        """Yield start, end (in seconds) and count of each bucket that is not empty, in order."""
        for bucket, count in sorted(self._counts.items()):
            yield _start_of_bucket(bucket) / 1e6, _start_of_bucket(bucket + 1) / 1e6, count

    def quantile(self, share: float) -> float:
        """Return the time that this share (0 to 1) of all times does not exceed. NaN if there is no time."""
        rank = math.ceil(share * len(self))
        for start, end, count in self.buckets():
            rank -= count
            if rank <= 0:
                return min((start + end) / 2, self.longest)
        return math.nan

    def _add(self, bucket: int, count: int) -> None:
        self._counts[bucket] = self._counts.get(bucket, 0) + count


def _bucket(microseconds: int) -> int:
    octave = max(0, microseconds.bit_length() - _BUCKETS_PER_DOUBLING.bit_length())
    return octave * _BUCKETS_PER_DOUBLING + (microseconds >> octave)


def _start_of_bucket(bucket: int) -> int:
    """Return the start of a bucket in microseconds."""
    octave = max(0, bucket // _BUCKETS_PER_DOUBLING - 1)
    return bucket - octave * _BUCKETS_PER_DOUBLING << octave


class Timeline:
    """A histogram for each time slice. There are at most 120 slices: their `width` (in seconds) doubles when needed."""

    def __init__(self) -> None:
        self.width = _FIRST_WIDTH
        self._slices: dict[int, Histogram] = {}

    def add(self, at: float, times: list[float]) -> None:
        """Count times that were measured `at` seconds after the start."""
        while at >= self.width * _MAX_SLICES:
            self._double_width()
        self._slice(int(at / self.width)).add(times)

    def slices(self) -> Iterator[tuple[float, Histogram]]:
        """Yield the start of each slice, in seconds after the start, and its histogram. Ends at the last used slice."""
        for index in range(max(self._slices, default=-1) + 1):
            yield index * self.width, self._slices.get(index, Histogram())

    def total(self) -> Histogram:
        """Return one histogram of all times."""
        total = Histogram()
        for histogram in self._slices.values():
            total.merge(histogram)
        return total

    def _slice(self, index: int) -> Histogram:
        return self._slices.setdefault(index, Histogram())

    def _double_width(self) -> None:
        narrow, self._slices = self._slices, {}
        self.width *= 2
        for index, histogram in narrow.items():
            self._slice(index // 2).merge(histogram)


class Statistics:
    """Counts the events of a program manager."""

    def __init__(self) -> None:
        self.kinds: Counter[bytes] = Counter()
        """The count of each reply, without its number. If there are too many kinds, the others are counted as one."""
        self.rejected = 0
        self.marks: list[tuple[float, str]] = []
        """Time-outs and restarts, in seconds since the start."""
        self.timeline = Timeline()
        self._began = time.monotonic()

    @property
    def replies(self) -> int:
        """The number of requests that were answered."""
        return self.kinds.total()

    def times(self) -> Histogram:
        """Return the times of the replies."""
        return self.timeline.total()

    def add_replies(self, at: float, times: list[float], replies: list[bytes]) -> None:
        """Count replies without their numbers, and their times. `at` is in seconds of the monotonic clock."""
        self.timeline.add(at - self._began, times)
        for reply, count in Counter(replies).items():
            self.kinds[self._kind(reply)] += count

    def handle_event(self, event: Event | Violation) -> None:
        """Count an event."""
        match event:
            case LineReceived() if event.request:
                self.add_replies(event.at, [event.at - event.request.at], [event.line.partition(b" ")[2]])
            case RequestRejected():
                self.rejected += 1
            case RequestTimedOut():
                self._mark(event.at, "time-out")
            case ProgramRestarting():
                self._mark(event.at, "restart")

    def _mark(self, at: float, text: str) -> None:
        if len(self.marks) < _MAX_MARKS:
            self.marks.append((at - self._began, text))

    def _kind(self, reply: bytes) -> bytes:
        status = reply.partition(b" ")[0]
        if status not in STATUSES:
            return INVALID_REPLY
        kind = status if status in _SECRET else reply
        return kind if kind in self.kinds or len(self.kinds) < _MAX_KINDS else OTHER_REPLIES

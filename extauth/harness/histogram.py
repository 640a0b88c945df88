"""Times in buckets that grow with them: millions of times in a few kilobytes, each known to within two percent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

_PER_OCTAVE = 32  # buckets for each doubling


class Histogram:
    """Counts times, in seconds. Up to 64 microseconds a bucket is one microsecond wide, then it grows with the time."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.longest = 0.0

    def __len__(self) -> int:
        return sum(self._counts.values())

    def add(self, times: list[float]) -> None:
        """Count these times."""
        if times:
            self.longest = max(self.longest, max(times))
        for microseconds, count in Counter([int(time * 1e6) for time in times]).items():
            self._add(_bucket(microseconds), count)

    def merge(self, other: Histogram) -> None:
        """Count all that another has counted."""
        self.longest = max(self.longest, other.longest)
        for bucket, count in other._counts.items():
            self._add(bucket, count)

    def buckets(self) -> Iterator[tuple[float, float, int]]:
        """Each bucket that is not empty, the shortest times first: its limits in seconds, and how many are in it."""
        for bucket, count in sorted(self._counts.items()):
            yield _limit(bucket) / 1e6, _limit(bucket + 1) / 1e6, count

    def quantile(self, share: float) -> float:
        """The time that this share of all times, between 0 and 1, does not exceed; NaN where nothing was counted."""
        rank = math.ceil(share * len(self))
        for start, end, count in self.buckets():
            rank -= count
            if rank <= 0:
                return min((start + end) / 2, self.longest)
        return math.nan

    def _add(self, bucket: int, count: int) -> None:
        self._counts[bucket] = self._counts.get(bucket, 0) + count


def _bucket(microseconds: int) -> int:
    octave = max(0, microseconds.bit_length() - _PER_OCTAVE.bit_length())
    return octave * _PER_OCTAVE + (microseconds >> octave)


def _limit(bucket: int) -> int:
    """Where a bucket begins, in microseconds."""
    octave = max(0, bucket // _PER_OCTAVE - 1)
    return bucket - octave * _PER_OCTAVE << octave

"""Rates and percentiles of the last minutes, from counters that only grow."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from extauth.workers.status_messages import BUCKETS, Snapshot

RATE_WINDOWS = (60.0, 300.0, 900.0)
"""Seconds: rates of 1, 5 and 15 minutes, as `uptime` shows them."""

PERCENTILES = {"50": 0.5, "95": 0.95, "99": 0.99}
"""The percentiles that are shown, of the replies of the last 5 minutes."""

_PERCENTILE_WINDOW = 300.0
_INTERVAL = 1.0  # seconds between two samples
_YOUNG = 5.0  # seconds: the counters of a helper that started so recently have grown from zero meanwhile


class _Sample(NamedTuple):
    time: float
    replies: int
    buckets: list[int]


class StatusHistory:
    """The counters of the last 15 minutes, second by second."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def add(self, snapshot: Snapshot) -> None:
        """Remember the counters of a snapshot."""
        samples = self._samples
        if not samples and snapshot.uptime < _YOUNG:
            samples.append(_Sample(snapshot.started, 0, [0] * len(snapshot.buckets)))
        if not samples or snapshot.now - samples[-1].time >= _INTERVAL:
            samples.append(_Sample(snapshot.now, snapshot.replies, snapshot.buckets))
        while len(samples) > 1 and samples[1].time <= snapshot.now - RATE_WINDOWS[-1]:
            samples.popleft()

    def rates(self, snapshot: Snapshot, now: float) -> list[float]:
        """Return the replies per second in each of RATE_WINDOWS, up to `now`.

        If the helper has not run for so long, or the status server has not, it is the rate since then.
        """
        rates = []
        for window in RATE_WINDOWS:
            base = self._at(now - window)
            rates.append((snapshot.replies - base.replies) / max(now - base.time, 1.0))
        return rates

    def percentiles(self, snapshot: Snapshot, now: float) -> dict[str, float]:
        """Return the seconds within which so many percent of the last replies came; empty without replies."""
        before = self._at(now - _PERCENTILE_WINDOW).buckets
        counts = [count - earlier for count, earlier in zip(snapshot.buckets, before, strict=True)]
        if not sum(counts):
            return {}
        return {name: _percentile(counts, share) for name, share in PERCENTILES.items()}

    def _at(self, time: float) -> _Sample:
        """Return the sample that holds the counters at that time, or the first one."""
        found = self._samples[0]
        for sample in self._samples:
            if sample.time > time:
                break
            found = sample
        return found


def _percentile(counts: list[int], share: float) -> float:
    """Return the percentile from a histogram: the place in its bucket, as Prometheus's histogram_quantile does."""
    rank, below = share * sum(counts), 0
    for index, count in enumerate(counts[:-1]):
        if count and below + count >= rank:
            lower = BUCKETS[index - 1] if index else 0.0
            return lower + (BUCKETS[index] - lower) * (rank - below) / count
        below += count
    return BUCKETS[-1]

"""When requests are sent: after replies (closed loop), or by the clock (open loop)."""

from __future__ import annotations

from typing import Protocol

_MAX_UNDER_WAY = 100_000
_MAX_AT_ONCE = 1_000
_MAX_WAIT = 0.01  # seconds


class Pace(Protocol):
    """Decides how many requests to send now, and when each was due."""

    def begin(self, now: float) -> None:
        """Start the clock."""

    def count(self, now: float, under_way: int) -> int:
        """Return how many requests to send now."""

    def due(self, now: float, count: int) -> list[float]:
        """Record that `count` requests are sent now. Return when each of them was due."""

    def until_next(self, now: float, under_way: int) -> float:
        """Return the seconds until the next request is due if no reply comes, at most a hundredth of a second."""


class WindowPace:
    """Keep a number of requests under way. After each reply the next request is sent."""

    def __init__(self, size: int) -> None:
        self._size = size

    def begin(self, now: float) -> None:
        """Do nothing, because a window needs no clock."""

    def count(self, now: float, under_way: int) -> int:
        """Return how many requests fit into the window."""
        return min(self._size - under_way, _MAX_AT_ONCE)

    def due(self, now: float, count: int) -> list[float]:
        """Return the current time for each request, because none of them is late."""
        return [now] * count

    def until_next(self, now: float, under_way: int) -> float:
        """Return the longest wait, because only a reply makes a request due."""
        return _MAX_WAIT


class RatePace:
    """Send requests evenly, `per_second` of them each second. The time of a late request counts from when it was due.

    To bound memory, at most 100,000 requests are under way. At that limit requests are sent late.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._began = 0.0
        self._sent = 0

    def begin(self, now: float) -> None:
        """Start the clock. The first request is due now."""
        self._began, self._sent = now, 0

    def count(self, now: float, under_way: int) -> int:
        """Return how many requests are due."""
        behind = int((now - self._began) * self._per_second) + 1 - self._sent
        return max(0, min(behind, _MAX_AT_ONCE, _MAX_UNDER_WAY - under_way))

    def due(self, now: float, count: int) -> list[float]:
        """Return the due times, evenly spaced."""
        first, self._sent = self._sent, self._sent + count
        return [self._began + number / self._per_second for number in range(first, self._sent)]

    def until_next(self, now: float, under_way: int) -> float:
        """Return the seconds until the next request is due."""
        if under_way >= _MAX_UNDER_WAY:
            return _MAX_WAIT
        return min(_MAX_WAIT, max(0.0, self._began + self._sent / self._per_second - now))

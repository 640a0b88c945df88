"""When requests are sent: as replies come (closed loop), or by the clock whatever comes (open loop)."""

from __future__ import annotations

from typing import Protocol

_MAX_UNDER_WAY = 100_000
_MAX_AT_ONCE = 1_000
_PATIENCE = 0.01  # seconds


class Pace(Protocol):
    """Says how many requests are to be sent, and since when each was to be sent."""

    def begin(self, now: float) -> None:
        """The clock starts."""

    def count(self, now: float, under_way: int) -> int:
        """How many are to be sent now."""

    def due(self, now: float, count: int) -> list[float]:
        """So many are sent now: since when each was to be sent."""

    def until_next(self, now: float, under_way: int) -> float:
        """Seconds until another is to be sent, if no reply comes; a hundredth where none will be."""


class Window:
    """Keeps this many requests under way: each reply lets another one go."""

    def __init__(self, size: int) -> None:
        self._size = size

    def begin(self, now: float) -> None:
        """Nothing depends on the clock."""

    def count(self, now: float, under_way: int) -> int:
        """As many as the window is short of."""
        return min(self._size - under_way, _MAX_AT_ONCE)

    def due(self, now: float, count: int) -> list[float]:
        """None has waited."""
        return [now] * count

    def until_next(self, now: float, under_way: int) -> float:
        """Nothing but a reply lets one go."""
        return _PATIENCE


class Rate:
    """So many a second, evenly. What is sent late has waited since it was to be sent, and that counts.

    100,000 are under way at most, for the sake of memory: past that all others are sent late.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._began = 0.0
        self._sent = 0

    def begin(self, now: float) -> None:
        """The first is to be sent now."""
        self._began, self._sent = now, 0

    def count(self, now: float, under_way: int) -> int:
        """All whose time has come."""
        behind = int((now - self._began) * self._per_second) + 1 - self._sent
        return max(0, min(behind, _MAX_AT_ONCE, _MAX_UNDER_WAY - under_way))

    def due(self, now: float, count: int) -> list[float]:
        """Their times, evenly spaced."""
        first, self._sent = self._sent, self._sent + count
        return [self._began + number / self._per_second for number in range(first, self._sent)]

    def until_next(self, now: float, under_way: int) -> float:
        """The time of the next one."""
        if under_way >= _MAX_UNDER_WAY:
            return _PATIENCE
        return min(_PATIENCE, max(0.0, self._began + self._sent / self._per_second - now))

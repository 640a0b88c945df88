"""Times by when they were taken: a bounded number of slices that grow wider as the whole grows longer."""

from __future__ import annotations

from collections.abc import Iterator

from extauth.harness.histogram import Histogram

_FIRST_WIDTH = 0.05  # seconds
_MAX_SLICES = 120


class Timeline:
    """A histogram for each slice; `width` is that of all slices, in seconds."""

    def __init__(self) -> None:
        self.width = _FIRST_WIDTH
        self._slices: dict[int, Histogram] = {}

    def add(self, at: float, times: list[float]) -> None:
        """Count times that were taken so many seconds after the beginning."""
        while at >= self.width * _MAX_SLICES:
            self._widen()
        self._slice(int(at / self.width)).add(times)

    def slices(self) -> Iterator[tuple[float, Histogram]]:
        """When each slice begins, in seconds after the beginning, and what is in it, up to the last with anything."""
        for index in range(max(self._slices, default=-1) + 1):
            yield index * self.width, self._slices.get(index, Histogram())

    def total(self) -> Histogram:
        """All that was counted."""
        total = Histogram()
        for histogram in self._slices.values():
            total.merge(histogram)
        return total

    def _slice(self, index: int) -> Histogram:
        return self._slices.setdefault(index, Histogram())

    def _widen(self) -> None:
        narrow, self._slices = self._slices, {}
        self.width *= 2
        for index, histogram in narrow.items():
            self._slice(index // 2).merge(histogram)

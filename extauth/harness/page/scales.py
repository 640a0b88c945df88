"""Where on an axis a value lies, and which values are marked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Scale(Protocol):
    """A range of values along an axis."""

    def share(self, value: float) -> float:
        """Where `value` lies, from 0 at the beginning of the axis to 1 at its end."""

    def ticks(self) -> list[float]:
        """The values that are marked."""


@dataclass(frozen=True)
class Linear:
    """From 0 to `most`, which is above 0."""

    most: float

    def share(self, value: float) -> float:
        """In proportion."""
        return value / self.most

    def ticks(self) -> list[float]:
        """Five to ten round values."""
        power = 10.0 ** math.floor(math.log10(self.most))
        step = next(power / parts for parts in (1, 2, 5, 10) if self.most / power * parts >= 5)
        return [number * step for number in range(int(self.most / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Logarithmic:
    """From `least`, which is above 0, to `most`: the same way for each doubling."""

    least: float
    most: float

    def share(self, value: float) -> float:
        """What lies below the scale lies at its beginning."""
        return math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)

    def ticks(self) -> list[float]:
        """Powers of ten; on a short scale twice and five times these as well."""
        parts = (1, 2, 5) if self.most / self.least < 1_000 else (1,)
        decades = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        ticks = [part * 10.0**decade for decade in decades for part in parts]
        return [tick for tick in ticks if self.least * 0.999 <= tick <= self.most * 1.001]


@dataclass(frozen=True)
class Axis:
    """A scale, what it measures with its unit, and how a value is written."""

    name: str
    scale: Scale
    label: Callable[[float], str]

"""Axes, and shapes between two axes as SVG. The page's style sheet has the colours."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Point = tuple[float, float]

_WIDTH, _HEIGHT = 760, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 746, 14, 232


class Scale(Protocol):
    """A range of values along an axis."""

    def share(self, value: float) -> float:
        """Return the position of `value`, from 0 at the start of the axis to 1 at its end."""

    def ticks(self) -> list[float]:
        """Return the values that have a tick."""


@dataclass(frozen=True)
class LinearScale:
    """From 0 to `most`, which is above 0."""

    most: float

    def share(self, value: float) -> float:
        """Return the position of `value`."""
        return value / self.most

    def ticks(self) -> list[float]:
        """Return five to ten round values."""
        power = 10.0 ** math.floor(math.log10(self.most))
        step = next(power / parts for parts in (1, 2, 5, 10) if self.most / power * parts >= 5)
        return [number * step for number in range(int(self.most / step + 1e-9) + 1)]


@dataclass(frozen=True)
class LogarithmicScale:
    """From `least`, which is above 0, to `most`. Each doubling has the same length."""

    least: float
    most: float

    def share(self, value: float) -> float:
        """Return the position of `value`. Values below the scale are at its start."""
        return math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)

    def ticks(self) -> list[float]:
        """Return the powers of ten. A short scale has two and five times these as well."""
        parts = (1, 2, 5) if self.most / self.least < 1_000 else (1,)
        decades = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        ticks = [part * 10.0**decade for decade in decades for part in parts]
        return [tick for tick in ticks if self.least * 0.999 <= tick <= self.most * 1.001]


@dataclass(frozen=True)
class Axis:
    """A scale, its name with the unit, and the format of its values."""

    name: str
    scale: Scale
    label: Callable[[float], str]


class Drawing:
    """A drawing between a bottom axis and a left axis. `description` is its text for screen readers."""

    def __init__(self, description: str, below: Axis, left: Axis) -> None:
        self._description = description
        self._below, self._left = below, left
        self._shapes: list[str] = []

    def line(self, points: Sequence[Point], style: str) -> None:
        """Draw a line through `points`."""
        self._shapes.append(f'<polyline class="{style}" points="{self._places(points)}"/>')

    def area(self, points: Sequence[Point], style: str) -> None:
        """Fill the area below a line through `points`."""
        places = f"{self._x(points[0][0])},{_BOTTOM} {self._places(points)} {self._x(points[-1][0])},{_BOTTOM}"
        self._shapes.append(f'<polygon class="{style}" points="{places}"/>')

    def dots(self, points: Sequence[Point], style: str) -> None:
        """Draw a dot at each point."""
        for x, y in points:
            self._shapes.append(f'<circle class="{style}" cx="{self._x(x)}" cy="{self._y(y)}" r="1.8"/>')

    def mark(self, x: float, text: str) -> None:
        """Draw a vertical line with a text beside it."""
        place = self._x(x)
        self._shapes.append(f'<line class="mark" x1="{place}" x2="{place}" y1="{_TOP}" y2="{_BOTTOM}"/>')
        self._shapes.append(f'<text class="mark" x="{place + 4}" y="{_TOP + 10}">{html.escape(text)}</text>')

    def render(self) -> str:
        """Return the drawing as an `svg` element."""
        label = html.escape(self._description)
        head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        return "\n".join([head, *self._grid(), *self._shapes, "</svg>"])

    def _grid(self) -> list[str]:
        below, left = html.escape(self._below.name), html.escape(self._left.name)
        middle, half_way = (_LEFT + _RIGHT) / 2, (_TOP + _BOTTOM) / 2
        parts = [
            f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{below}</text>',
            f'<text transform="translate(14 {half_way}) rotate(-90)" text-anchor="middle">{left}</text>',
        ]
        for tick in self._below.scale.ticks():
            x = self._x(tick)
            parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_BOTTOM}"/>')
            parts.append(f'<text x="{x}" y="{_BOTTOM + 18}" text-anchor="middle">{self._below.label(tick)}</text>')
        for tick in self._left.scale.ticks():
            y = self._y(tick)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>')
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{self._left.label(tick)}</text>')
        parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/>')
        return parts

    def _places(self, points: Sequence[Point]) -> str:
        return " ".join(f"{self._x(x)},{self._y(y)}" for x, y in points)

    def _x(self, value: float) -> float:
        return round(_LEFT + self._below.scale.share(value) * (_RIGHT - _LEFT), 1)

    def _y(self, value: float) -> float:
        return round(_BOTTOM - self._left.scale.share(value) * (_BOTTOM - _TOP), 1)

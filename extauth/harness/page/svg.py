"""Drawing into an area between two axes, as SVG in the classes that the page's style sheet colours."""

from __future__ import annotations

import html
from collections.abc import Sequence

from extauth.harness.page.scales import Axis

Point = tuple[float, float]

_WIDTH, _HEIGHT = 760, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 746, 14, 232


class Drawing:
    """An area between an axis below and one at the left. `what` says in words what is to be seen."""

    def __init__(self, what: str, below: Axis, left: Axis) -> None:
        self._what = what
        self._below, self._left = below, left
        self._shapes: list[str] = []

    def line(self, points: Sequence[Point], style: str) -> None:
        """A line through `points`."""
        self._shapes.append(f'<polyline class="{style}" points="{self._places(points)}"/>')

    def area(self, points: Sequence[Point], style: str) -> None:
        """What lies below a line through `points`."""
        places = f"{self._x(points[0][0])},{_BOTTOM} {self._places(points)} {self._x(points[-1][0])},{_BOTTOM}"
        self._shapes.append(f'<polygon class="{style}" points="{places}"/>')

    def dots(self, points: Sequence[Point], style: str) -> None:
        """A dot at each of `points`."""
        for x, y in points:
            self._shapes.append(f'<circle class="{style}" cx="{self._x(x)}" cy="{self._y(y)}" r="1.8"/>')

    def mark(self, x: float, text: str) -> None:
        """A line from the bottom to the top, and a text beside it."""
        place = self._x(x)
        self._shapes.append(f'<line class="mark" x1="{place}" x2="{place}" y1="{_TOP}" y2="{_BOTTOM}"/>')
        self._shapes.append(f'<text class="mark" x="{place + 4}" y="{_TOP + 10}">{html.escape(text)}</text>')

    def render(self) -> str:
        """The drawing as an element of a page."""
        label = html.escape(self._what)
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

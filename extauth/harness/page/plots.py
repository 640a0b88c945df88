"""The plots of a page: latency over time, replies over time, and a histogram of the latency."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from extauth.harness.page.svg import Axis, Drawing, LinearScale, LogarithmicScale, Point
from extauth.harness.statistics import Histogram, Statistics

_STYLES = ("a", "b")  # CSS classes of the first and the second series
_BINS_PER_OCTAVE = 8
_MARGIN = 1.06  # between the extreme values and the ends of an axis
_MICROSECOND = 1e-6


def latency_over_time(series: Sequence[Statistics]) -> str:
    """Draw for each series the median as a line, the 99th percentile as a thin line, and the longest time as dots."""
    drawing = Drawing("latency over time", _seconds(series), _latency(series))
    for style, statistics in zip(_STYLES, series, strict=False):
        drawing.dots(_over_time(statistics, lambda times: times.quantile(1)), f"dot {style}")
        drawing.line(_over_time(statistics, lambda times: times.quantile(0.99)), f"thin {style}")
        drawing.line(_over_time(statistics, lambda times: times.quantile(0.5)), f"line {style}")
    return _marked(drawing, series)


def replies_over_time(series: Sequence[Statistics]) -> str:
    """Draw the replies per second."""
    counts = [_over_time(statistics, len) for statistics in series]
    widths = [statistics.timeline.width for statistics in series]
    rates = [
        [(x, count / width) for x, count in points[: max(1, len(points) - 1)]]  # the last slice is not complete
        for points, width in zip(counts, widths, strict=True)
    ]
    most = max(rate for points in rates for _, rate in points) or 1.0  # all replies may be in the last slice
    left = Axis("replies per second", LinearScale(most * _MARGIN), lambda value: f"{value:,.0f}")
    drawing = Drawing("replies over time", _seconds(series), left)
    for style, points in zip(_STYLES, rates, strict=False):
        drawing.line(points, f"line {style}")
    return _marked(drawing, series)


def latency_histogram(series: Sequence[Statistics]) -> str:
    """Draw the share of the replies for each latency."""
    outlines = [_outline(statistics.times()) for statistics in series]
    most = max(share for points in outlines for _, share in points)
    left = Axis("share of the replies", LinearScale(most * _MARGIN), lambda value: f"{value:g} %")
    drawing = Drawing("histogram of the latency", _latency(series), left)
    for style, points in zip(_STYLES, outlines, strict=False):
        drawing.area(points, f"area {style}")
    return drawing.render()


def _marked(drawing: Drawing, series: Sequence[Statistics]) -> str:
    for statistics in series:
        for at, text in statistics.marks:
            drawing.mark(at, text)
    return drawing.render()


def _over_time(statistics: Statistics, value: Callable[[Histogram], float]) -> list[Point]:
    """Return a point in the middle of each slice. Slices without replies have no point."""
    half = statistics.timeline.width / 2
    points = [(start + half, value(times)) for start, times in statistics.timeline.slices()]
    return [(x, y) for x, y in points if not math.isnan(y)]


def _outline(times: Histogram) -> list[Point]:
    """Return the steps of a histogram: bin limits in seconds, shares in percent. Bins grow with the time."""
    bins: Counter[int] = Counter()
    for start, end, count in times.buckets():
        bins[math.floor(math.log2((start + end) / 2) * _BINS_PER_OCTAVE)] += count
    outline: list[Point] = []
    for number in range(min(bins), max(bins) + 1):
        share = 100 * bins[number] / len(times)
        outline += ((2.0 ** (limit / _BINS_PER_OCTAVE), share) for limit in (number, number + 1))
    return outline


def _seconds(series: Sequence[Statistics]) -> Axis:
    ends = (start + statistics.timeline.width for statistics in series for start, _ in statistics.timeline.slices())
    marks = (at for statistics in series for at, _ in statistics.marks)
    return Axis("seconds since the start", LinearScale(max([*ends, *marks])), lambda value: f"{value:g}")


def _latency(series: Sequence[Statistics]) -> Axis:
    totals = [statistics.times() for statistics in series]
    least = max(_MICROSECOND, min(next(times.buckets())[0] for times in totals))
    most = max(2 * least, *(times.longest for times in totals))
    return Axis("latency (logarithmic)", LogarithmicScale(least / _MARGIN, most * _MARGIN), _time)


def _time(seconds: float) -> str:
    if seconds < 0.0009:
        return f"{seconds * 1e6:.0f} \N{MICRO SIGN}s"
    return f"{seconds * 1e3:.0f} ms" if seconds < 0.9 else f"{seconds:g} s"

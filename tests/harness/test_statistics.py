"""Histograms and timelines: exact enough, in bounded memory."""

from __future__ import annotations

import math
import random

import pytest

from extauth.harness.statistics import Histogram, Timeline


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99, 0.999, 1.0])
def test_a_quantile_is_within_two_percent(share: float) -> None:
    source = random.Random(1)
    times = [math.exp(source.gauss(-7, 2)) for _ in range(10_000)]
    histogram = Histogram()
    for start in range(0, len(times), 100):
        histogram.add(times[start : start + 100])
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert histogram.quantile(share) == pytest.approx(exact, rel=0.02, abs=1e-6)
    assert histogram.longest == max(times)
    assert len(histogram) == 10_000
    assert len(list(histogram.buckets())) < 700


def test_an_empty_histogram_has_no_quantile() -> None:
    histogram = Histogram()
    histogram.add([])
    assert math.isnan(histogram.quantile(0.5))


def test_a_single_time_is_every_quantile() -> None:
    histogram = Histogram()
    histogram.add([0.25])
    assert {histogram.quantile(share) for share in (0.01, 0.5, 1)} == {0.25}


def test_a_timeline_of_a_day_has_at_most_120_slices() -> None:
    timeline = Timeline()
    for second in range(86_400):
        timeline.add(second, [0.001])
    assert len(list(timeline.slices())) <= 120
    assert len(timeline.total()) == 86_400
    assert sum(len(times) for _, times in timeline.slices()) == 86_400
    starts = [start for start, _ in timeline.slices()]
    assert starts[:2] == [0.0, timeline.width]

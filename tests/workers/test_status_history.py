"""Rates and percentiles of the last minutes."""

from __future__ import annotations

import pytest

from extauth.workers.status_history import StatusHistory
from extauth.workers.status_messages import BUCKETS, ReloadStatus, Snapshot

START = 1_000.0


def snapshot(seconds: float, *counts: int) -> Snapshot:
    """Return a snapshot so many seconds after the start, with these counts in the first buckets."""
    buckets = [*counts, *[0] * (len(BUCKETS) + 1 - len(counts))]
    requests = {"VRFY": {"OK": sum(counts)}}
    reloads = ReloadStatus()
    return Snapshot(
        START + seconds, START, 0.0, "SERVING", 0, requests, 0, buckets, 0.0, [], 0, reloads, [], None, None
    )


def history(*snapshots: Snapshot) -> StatusHistory:
    found = StatusHistory()
    for each in snapshots:
        found.add(each)
    return found


def test_rates_are_those_of_1_5_and_15_minutes() -> None:
    taken = [snapshot(second, 10 * second) for second in range(1, 1801)]
    taken += [snapshot(second, 18_000 + 2 * (second - 1800)) for second in range(1801, 1861)]
    found = history(*taken)
    assert found.rates(taken[-1], START + 1860) == pytest.approx([2.0, 8.4, 142 / 15], abs=0.1)
    assert found.rates(taken[-1], START + 2760) == pytest.approx([0.0, 0.0, 0.0])


def test_young_helper_has_the_rate_since_its_start() -> None:
    taken = snapshot(4.0, 20)
    assert history(taken).rates(taken, START + 10) == [2.0, 2.0, 2.0]


def test_replaced_status_server_counts_from_its_first_snapshot() -> None:
    taken = [snapshot(1000.0, 5_000), snapshot(1010.0, 5_050)]
    assert history(*taken).rates(taken[-1], START + 1010) == [5.0, 5.0, 5.0]


def test_percentiles_are_places_in_their_buckets() -> None:
    taken = snapshot(1.0, 0, 50, 40, 10)
    found = history(taken).percentiles(taken, START + 1)
    assert found == pytest.approx({"50": 0.001, "95": 0.00375, "99": 0.00475})


def test_percentiles_are_those_of_five_minutes() -> None:
    taken = [snapshot(1.0, 1000), snapshot(400.0, 1000, 1)]
    found = history(*taken)
    assert found.percentiles(taken[-1], START + 400)["50"] == pytest.approx(0.00075)
    assert found.percentiles(taken[-1], START + 800) == {}


def test_times_beyond_the_last_bucket_show_its_bound() -> None:
    taken = snapshot(1.0, *[0] * len(BUCKETS), 7)
    assert history(taken).percentiles(taken, START + 1)["99"] == BUCKETS[-1]

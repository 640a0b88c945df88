"""WorkerHandle predicts which worker will soon have answered its requests."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from extauth.frontend.generation import WorkerHandle


@pytest.fixture
def worker() -> Iterator[WorkerHandle]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield WorkerHandle(1, ours)


def test_nothing_is_predicted_for_a_worker_without_results(worker: WorkerHandle) -> None:
    assert not worker.has_soon_answered(1, 100.0)


def test_fast_worker_gets_more_requests_up_to_a_limit(worker: WorkerHandle) -> None:
    worker.take(list(range(100)), 115.0, 100.0)
    worker.pace(100, 100.0005, quick=True)
    worker.give_back(list(range(100)))
    assert worker.has_soon_answered(300, 101.0)
    assert not worker.has_soon_answered(500, 101.0)


def test_worker_with_an_old_request_gets_no_more(worker: WorkerHandle) -> None:
    worker.take([7, 3, 5], 115.0, 100.0)
    worker.pace(2, 100.00001, quick=True)
    worker.give_back([7, 5])
    assert worker.has_soon_answered(1, 100.001)
    assert not worker.has_soon_answered(1, 100.1)  # it still has key 3, neither the first key nor the last


def test_nothing_is_predicted_for_a_worker_that_used_threads(worker: WorkerHandle) -> None:
    worker.take([1, 2], 115.0, 100.0)
    worker.pace(1, 100.00001, quick=True)
    worker.give_back([1])
    assert worker.has_soon_answered(2, 100.001)
    worker.pace(1, 100.00002, quick=False)
    worker.give_back([2])
    assert not worker.has_soon_answered(2, 101.0)
    worker.take([3], 115.0, 101.0)
    worker.pace(1, 101.00001, quick=True)
    assert worker.has_soon_answered(2, 101.001)


def test_message_without_results_changes_nothing(worker: WorkerHandle) -> None:
    worker.pace(0, 100.0, quick=True)
    assert not worker.has_soon_answered(1, 100.0)

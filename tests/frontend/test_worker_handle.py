"""WorkerHandle predicts which worker will soon have answered its requests."""

from __future__ import annotations

import os

import pytest

from extauth.chain.call_marks import CallMarks
from extauth.frontend.worker_handle import WorkerHandle


@pytest.fixture
def worker() -> WorkerHandle:
    memory = CallMarks.create_memory()
    marks = CallMarks(memory)
    os.close(memory)
    return WorkerHandle(1, marks)


def test_nothing_is_predicted_for_a_worker_without_results(worker: WorkerHandle) -> None:
    assert not worker.will_finish_soon(1, 100.0)


def test_fast_worker_gets_more_requests_up_to_a_limit(worker: WorkerHandle) -> None:
    slots = worker.add(list(range(100)), 115.0, 100.0)
    worker.learn_pace(100, 100.0005, fast=True)
    assert worker.remove(slots) == list(range(100))
    assert worker.will_finish_soon(300, 101.0)
    assert not worker.will_finish_soon(500, 101.0)


def test_worker_with_an_old_request_gets_no_more(worker: WorkerHandle) -> None:
    first, _, last = worker.add([7, 3, 5], 115.0, 100.0)
    worker.learn_pace(2, 100.00001, fast=True)
    assert worker.remove([first, last]) == [7, 5]
    assert worker.will_finish_soon(1, 100.001)
    assert not worker.will_finish_soon(1, 100.1)  # it still has key 3, neither the first key nor the last


def test_nothing_is_predicted_for_a_worker_that_used_threads(worker: WorkerHandle) -> None:
    first, second = worker.add([1, 2], 115.0, 100.0)
    worker.learn_pace(1, 100.00001, fast=True)
    worker.remove([first])
    assert worker.will_finish_soon(2, 100.001)
    worker.learn_pace(1, 100.00002, fast=False)
    worker.remove([second])
    assert not worker.will_finish_soon(2, 101.0)
    worker.add([3], 115.0, 101.0)
    worker.learn_pace(1, 101.00001, fast=True)
    assert worker.will_finish_soon(2, 101.001)


def test_message_without_results_changes_nothing(worker: WorkerHandle) -> None:
    worker.learn_pace(0, 100.0, fast=True)
    assert not worker.will_finish_soon(1, 100.0)

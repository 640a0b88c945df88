"""Which worker will soon be through with what it has: told from how it has answered."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from extauth.frontend.worker_handle import WorkerHandle


@pytest.fixture
def worker() -> Iterator[WorkerHandle]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield WorkerHandle(1, ours)


def test_of_a_worker_that_has_answered_nothing_nothing_is_expected(worker: WorkerHandle) -> None:
    assert not worker.will_finish_soon(1, 100.0)


def test_one_that_answers_fast_is_given_more_until_that_takes_too_long(worker: WorkerHandle) -> None:
    worker.add(list(range(100)), 115.0, 100.0)
    worker.learn_pace(100, 100.0005, fast=True)
    worker.remove(list(range(100)))
    assert worker.will_finish_soon(300, 101.0)
    assert not worker.will_finish_soon(500, 101.0)


def test_one_that_has_kept_a_question_for_long_is_given_no_more(worker: WorkerHandle) -> None:
    worker.add([7, 3, 5], 115.0, 100.0)
    worker.learn_pace(2, 100.00001, fast=True)
    worker.remove([7, 5])
    assert worker.will_finish_soon(1, 100.001)
    assert not worker.will_finish_soon(1, 100.1)  # it has 3 still, which is neither the first key nor the last


def test_of_one_whose_answers_came_from_threads_nothing_is_expected(worker: WorkerHandle) -> None:
    worker.add([1, 2], 115.0, 100.0)
    worker.learn_pace(1, 100.00001, fast=True)
    worker.remove([1])
    assert worker.will_finish_soon(2, 100.001)
    worker.learn_pace(1, 100.00002, fast=False)
    worker.remove([2])
    assert not worker.will_finish_soon(2, 101.0)
    worker.add([3], 115.0, 101.0)
    worker.learn_pace(1, 101.00001, fast=True)
    assert worker.will_finish_soon(2, 101.001)


def test_a_message_that_answers_nothing_does_no_harm(worker: WorkerHandle) -> None:
    worker.learn_pace(0, 100.0, fast=True)
    assert not worker.will_finish_soon(1, 100.0)

"""ResultBatcher sends results together: how many, and how long they wait."""

from __future__ import annotations

import math
import queue
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from extauth.chain.call_marks import CallMarks
from extauth.model import Account, AccountRequest, Verdict, VerdictResult
from extauth.workers.backend_threads import BackendThreads, WorkerContext, WorkerRequest
from extauth.workers.messages import KeyedResult
from extauth.workers.result_batcher import FOLLOWS_WITHIN, MAX_DELAY, ResultBatcher
from tests.plugins import ScriptedSite, plugin

YES = VerdictResult(Verdict.OK)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Sender:
    """A ResultBatcher, and the keys of each batch that it has sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        monkeypatch.setattr("extauth.workers.result_batcher.time", self.clock)
        self.sent: list[list[int]] = []
        self.batcher = ResultBatcher(self._send)

    def put(self, key: int, followers: int) -> list[list[int]]:
        self.batcher.put((YES, [key]), followers=followers)
        return self.sent

    def _send(self, results: list[KeyedResult], fast: bool) -> None:
        self.fast = fast
        self.sent.append([key for _, keys in results for key in keys])


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    return Sender(monkeypatch)


def test_last_result_flushes_the_batch(sender: Sender) -> None:
    sender.batcher.set_watched(True)
    assert sender.put(1, followers=9) == []
    assert sender.put(2, followers=9) == []
    assert sender.put(3, followers=0) == [[1, 2, 3]]


def test_batch_is_never_larger_than_the_results_that_follow(sender: Sender) -> None:
    sender.batcher.set_watched(True)
    for key, more in enumerate([5, 4, 3]):
        assert sender.put(key, more) == []
    assert sender.put(3, followers=2) == [[0, 1, 2, 3]]
    assert sender.put(4, followers=1) == [[0, 1, 2, 3]]


def test_nothing_is_held_while_the_batch_is_unwatched(sender: Sender) -> None:
    assert sender.put(1, followers=9) == [[1]]
    sender.batcher.set_watched(True)
    assert sender.put(2, followers=9) == [[1]]
    sender.batcher.set_watched(False)
    assert sender.sent == [[1], [2]]


def test_held_results_are_sent_after_a_time_limit(sender: Sender) -> None:
    sender.batcher.set_watched(True)
    sender.put(1, followers=9)
    sender.clock.now += MAX_DELAY / 2
    sender.batcher.set_watched(True)
    assert sender.put(2, followers=9) == []
    sender.clock.now += 2 * MAX_DELAY
    assert sender.put(3, followers=9) == [[1, 2, 3]]
    sender.put(4, followers=9)
    sender.clock.now += 2 * MAX_DELAY
    sender.batcher.set_watched(True)
    assert sender.sent == [[1, 2, 3], [4]]


def test_immediate_results_flush_the_batch(sender: Sender) -> None:
    sender.batcher.set_watched(True)
    sender.put(1, followers=9)
    sender.batcher.send([(YES, [2, 3])])
    assert sender.sent == [[1, 2, 3]]
    assert not sender.fast
    sender.batcher.send([(YES, [4])])
    assert sender.sent == [[1, 2, 3], [4]]
    assert sender.fast


class FakeBackend:
    """A backend for BackendThreads. Each result takes some seconds by the clock; the first waits for `all_queued`."""

    name, concurrency, timeout, is_loaded, repeatable = "a backend", 1, None, False, True

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.all_queued = threading.Event()

    def call(self, request: object) -> VerdictResult:
        self.all_queued.wait()
        self._clock.now += self._seconds
        return YES

    def on_idle(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("seconds", "following"), [(FOLLOWS_WITHIN / 2, [4, 3, 2, 1, 0]), (FOLLOWS_WITHIN * 2, [0, 0, 0, 0, 0])]
)
def test_only_fast_backends_announce_following_results(
    monkeypatch: pytest.MonkeyPatch, seconds: float, following: list[int]
) -> None:
    clock = Clock()
    monkeypatch.setattr("extauth.workers.backend_threads.time", clock)
    announced: queue.Queue[int] = queue.Queue()
    backend: Any = FakeBackend(clock, seconds)
    marks = CallMarks(CallMarks.create_memory())
    context = WorkerContext(
        marks,
        lambda request, calls, result, followers: announced.put(followers),
        lambda results: None,
        lambda request: None,
        lambda backend, why: None,
        lambda level, text: None,
    )
    threads = BackendThreads(backend, context)
    for key in range(5):
        run: Any = SimpleNamespace(request=AccountRequest(Account(f"user{key}", "example.com")))
        threads.put(WorkerRequest(key, math.inf, run))
    backend.all_queued.set()
    assert [announced.get(timeout=10) for _ in following] == following


def test_held_results_do_not_wait_for_slow_checks(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    fast = [b"%d VRFY user%d@example.com yes" % (number, number) for number in range(900)]
    slow = [b"%d VRFY user%d@example.com wait" % (number, number) for number in range(900, 920)]
    helper.send(*fast[:500])
    helper.wait_for_replies(100)  # by now the worker has seen that results follow fastly
    helper.send(*fast[500:], *slow)
    assert {reply.split()[0] for reply in helper.wait_for_replies(900)} == {b"%d" % number for number in range(900)}
    scripted.release(20)
    helper.wait_for_replies(920)


def test_held_results_do_not_wait_while_requests_are_read(scripted: ScriptedSite) -> None:
    scripted.site.write("scripted_backend.py", f"{plugin('scripted_backend.py')}\n{_IS_FAST}")
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    first, later = (
        [b"%d VRFY user%d@example.com yes" % (n, n) for n in range(*numbers)] for numbers in ((500,), (600, 900))
    )
    slow = [b"%d VRFY user%d@example.com wait" % (number, number) for number in range(500, 504)]
    helper.send(*(b"login VRFY user%d@example.com yes" % number for number in range(900)))  # newcomers no more
    helper.wait_for_replies(900)
    helper.replies.clear()
    helper.send(*first)
    helper.wait_for_replies(100)
    helper.send(*slow, *later, b"900 VRFY alice@example.com wait at the end")
    while not {b"%d OK" % number for number in range(500)} <= set(helper.replies):
        helper.wait_for_replies(len(helper.replies) + 1)
    scripted.release(5)
    helper.wait_for_replies(805)


_IS_FAST = """
    def is_fast(self, account):
        if account.name == "alice":
            self._wait()
        elif account.name > "user8":
            time.sleep(0.001)
        return False


import time
"""

"""Answers that travel together: how many, how long they wait for that, and that none is left behind."""

from __future__ import annotations

import math
import queue
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from extauth.model import Account, Verdict, VerdictResult
from extauth.workers.backend_threads import BackendThreads, WorkerRequest
from extauth.workers.messages import KeyedResult
from extauth.workers.result_batcher import FOLLOWS_WITHIN, MAX_DELAY, ResultBatcher
from tests.plugins import Stage, plugin

YES = VerdictResult(Verdict.OK)


class Clock:
    """Stands still unless it is put forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Sender:
    """An outbox, and what it has sent: the keys that travelled together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        monkeypatch.setattr("extauth.workers.result_batcher.time", self.clock)
        self.sent: list[list[int]] = []
        self.outbox = ResultBatcher(self._send)

    def put(self, key: int, followers: int) -> list[list[int]]:
        self.outbox.put((YES, [key]), followers=followers)
        return self.sent

    def _send(self, answers: list[KeyedResult], quick: bool) -> None:
        self.quick = quick
        self.sent.append([key for _, keys in answers for key in keys])


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    return Sender(monkeypatch)


def test_an_answer_that_none_follows_takes_along_those_that_wait(sender: Sender) -> None:
    sender.outbox.set_watched(True)
    assert sender.put(1, followers=9) == []
    assert sender.put(2, followers=9) == []
    assert sender.put(3, followers=0) == [[1, 2, 3]]


def test_never_more_answers_wait_than_follow(sender: Sender) -> None:
    sender.outbox.set_watched(True)
    for key, more in enumerate([5, 4, 3]):
        assert sender.put(key, more) == []
    assert sender.put(3, followers=2) == [[0, 1, 2, 3]]
    assert sender.put(4, followers=1) == [[0, 1, 2, 3]]


def test_none_waits_where_nobody_looks(sender: Sender) -> None:
    assert sender.put(1, followers=9) == [[1]]
    sender.outbox.set_watched(True)
    assert sender.put(2, followers=9) == [[1]]
    sender.outbox.set_watched(False)
    assert sender.sent == [[1], [2]]


def test_none_waits_for_long(sender: Sender) -> None:
    sender.outbox.set_watched(True)
    sender.put(1, followers=9)
    sender.clock.now += MAX_DELAY / 2
    sender.outbox.set_watched(True)
    assert sender.put(2, followers=9) == []
    sender.clock.now += 2 * MAX_DELAY
    assert sender.put(3, followers=9) == [[1, 2, 3]]
    sender.put(4, followers=9)
    sender.clock.now += 2 * MAX_DELAY
    sender.outbox.set_watched(True)
    assert sender.sent == [[1, 2, 3], [4]]


def test_those_that_are_sent_at_once_take_along_those_that_wait(sender: Sender) -> None:
    sender.outbox.set_watched(True)
    sender.put(1, followers=9)
    sender.outbox.send([(YES, [2, 3])])
    assert sender.sent == [[1, 2, 3]]
    assert not sender.quick
    sender.outbox.send([(YES, [4])])
    assert sender.sent == [[1, 2, 3], [4]]
    assert sender.quick


class Asked:
    """What a lane needs of a backend: each answer takes so long by the clock, the first also until all have asked."""

    name, threads, timeout, is_loaded = "a backend", 1, None, False

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.all_have_asked = threading.Event()

    def ask(self, question: object) -> VerdictResult:
        self.all_have_asked.wait()
        self._clock.now += self._seconds
        return YES

    def on_idle(self) -> None:
        """Nothing to be done."""


@pytest.mark.parametrize(
    ("seconds", "follow"), [(FOLLOWS_WITHIN / 2, [4, 3, 2, 1, 0]), (FOLLOWS_WITHIN * 2, [0, 0, 0, 0, 0])]
)
def test_those_who_wait_for_a_quick_backend_follow_at_once(
    monkeypatch: pytest.MonkeyPatch, seconds: float, follow: list[int]
) -> None:
    clock = Clock()
    monkeypatch.setattr("extauth.workers.backend_threads.time", clock)
    heard: queue.Queue[int] = queue.Queue()
    link: Any = Asked(clock, seconds)
    lane = BackendThreads(link, lambda task, turn, answer, more: heard.put(more), lambda text: None)
    for key in range(5):
        inquiry: Any = SimpleNamespace(question=SimpleNamespace(account=Account(f"user{key}", "example.com")))
        lane.put(WorkerRequest(key, math.inf, inquiry))
    link.all_have_asked.set()
    assert [heard.get(timeout=10) for _ in follow] == follow


def test_what_was_answered_is_not_left_behind_when_what_should_follow_at_once_takes_long(stage: Stage) -> None:
    helper = stage.serve()
    quick = [b"%d VRFY user%d@example.com yes" % (number, number) for number in range(900)]
    slow = [b"%d VRFY user%d@example.com wait" % (number, number) for number in range(900, 920)]
    helper.send(*quick[:500])
    helper.wait_for_replies(100)  # by now it is known that one answer follows another at once
    helper.send(*quick[500:], *slow)
    assert {reply.split()[0] for reply in helper.wait_for_replies(900)} == {b"%d" % number for number in range(900)}
    stage.release(20)
    helper.wait_for_replies(920)


def test_what_was_answered_is_not_left_behind_while_more_is_being_taken_in(stage: Stage) -> None:
    stage.site.write("obeys.py", f"{plugin('obeys.py')}\n{_LOOKS_THROUGH}")
    helper = stage.serve(server="workers = 1\ndeadline = 60")
    quick, more = ([b"%d VRFY user%d@example.com yes" % (n, n) for n in range(*of)] for of in ((500,), (600, 900)))
    slow = [b"%d VRFY user%d@example.com wait" % (number, number) for number in range(500, 504)]
    helper.send(*quick)
    helper.wait_for_replies(100)
    helper.send(*slow, *more, b"900 VRFY alice@example.com wait in the end")
    assert set(helper.wait_for_replies(500)) == {b"%d OK" % number for number in range(500)}
    stage.release(5)
    helper.wait_for_replies(805)


_LOOKS_THROUGH = """
    def verify_fast(self, account, password):
        if password.matches("wait in the end"):
            self._wait()
        elif account.name > "user8":
            time.sleep(0.001)


import time
"""

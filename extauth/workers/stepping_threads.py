"""A lane whose backend says what it waits for: each of its threads has several requests under way at once."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable
from typing import NoReturn

from extauth.backends.steps import Wait
from extauth.chain import ConfiguredBackend
from extauth.model import Account, FailureResult, Result, VerdictResult
from extauth.workers.backend_threads import STUCK_AFTER, BackendThreads, Heard
from extauth.workers.course import SteppedRequest, ready
from extauth.workers.critical_thread import start_critical_thread
from extauth.workers.task import WorkerRequest
from extauth.workers.watched_queue import WatchedQueue

_PATIENCE = 0.02  # seconds that a thread waits for its only request as if it could have no other


class UnderWay:
    """One thread's requests: those that wait for somebody, and those that have gone on in threads of their own."""

    def __init__(self) -> None:
        self.waiting: list[SteppedRequest] = []
        self.apart: dict[SteppedRequest, float] = {}  # since when it has been in the backend's code
        self.room = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # can be read when one of these has ended

    def __len__(self) -> int:
        return len(self.waiting) + len(self.apart)

    def has_room(self, at_once: int) -> bool:
        """Whether there are fewer than so many; where there are not, `room` tells when that may be otherwise."""
        if len(self) < at_once:
            return True
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.room)
        return len(self) < at_once  # one may have ended before that


class SteppingThreads(BackendThreads):
    """Takes what waits, up to `at_once` a thread, but never waits for more."""

    def __init__(self, link: ConfiguredBackend, heard: Heard, fails: Callable[[str], None]) -> None:
        self._under_way = [UnderWay() for _ in range(link.threads)]
        self._last = 0.0  # when the last one was answered (monotonic seconds)
        self._queue: WatchedQueue[Account, tuple[WorkerRequest, int]] = WatchedQueue()
        super().__init__(link, heard, fails, self._queue)

    def is_stuck(self) -> bool:
        """Whether every thread, or all that one has under way, is in a call that should long be over."""
        over = time.monotonic() - (self.link.timeout or 0.0) - STUCK_AFTER
        return all(
            self._calls.get(number, over) < over
            or sum(since < over for since in list(under_way.apart.values())) >= self.link.at_once
            for number, under_way in enumerate(self._under_way)
        )

    def _serve(self, number: int) -> NoReturn:
        under_way = self._under_way[number]
        while True:
            if not self._queue.waiting:
                self._rest()
            taken = self._next(number, under_way)
            if taken is None or not self._is_wanted(*taken):
                continue
            is_alone = not under_way and not self._queue.waiting and self._queue.is_awaited
            task, turn = taken
            course = SteppedRequest(task, turn, time.monotonic(), task.until, self.link.begin(task.inquiry.question))
            self._step(number, under_way, course, patience=_PATIENCE if is_alone else 0.0)

    def _next(self, number: int, under_way: UnderWay) -> tuple[WorkerRequest, int] | None:
        """What is to be begun. Where nothing waits, or there is no room, the others go on first."""
        if not under_way:
            return self._queue.get()
        if under_way.has_room(self.link.at_once):
            taken = self._queue.get_or_watch()
            if taken is not None:
                return taken
            courses = ready(under_way.waiting, self._queue.signal)
            self._queue.stop_watching()
        else:
            courses = ready(under_way.waiting, under_way.room)
        if courses:
            under_way.waiting = [course for course in under_way.waiting if course not in courses]
        for course in courses:
            self._step(number, under_way, course)
        return None

    def _step(self, number: int, under_way: UnderWay, course: SteppedRequest, patience: float = 0.0) -> None:
        """Have the backend take the next step; with patience several, since nobody else is there.

        A step that may be a long one, and all after it, are taken in a thread of their own.
        """
        self._calls[number] = time.monotonic()
        found = self._found(course, patience)
        del self._calls[number]
        if isinstance(found, Wait):
            course.waits_for(found)
            under_way.waiting.append(course)
        elif found is not None:
            self._end(course, found)
        else:
            under_way.apart[course] = time.monotonic()
            try:
                start_critical_thread(f"{self.link.name}-apart", self._fails, self._go_apart, under_way, course)
            except RuntimeError:  # the system has no more of them
                self._go_apart(under_way, course)

    def _go_apart(self, under_way: UnderWay, course: SteppedRequest) -> None:
        """Take all steps that are left."""
        while not isinstance(found := self._found(course), VerdictResult | FailureResult):
            if found is not None:
                course.waits_for(found)
                under_way.apart[course] = math.inf
                ready([course])
                under_way.apart[course] = time.monotonic()
        if not self._queue.waiting:
            self._rest()
        del under_way.apart[course]
        os.eventfd_write(under_way.room, 1)
        self._end(course, found)

    def _found(self, course: SteppedRequest, patience: float = 0.0) -> Wait | Result | None:
        """What comes of the next step, as long as anybody waits for it."""
        question = course.task.inquiry.question
        if time.monotonic() < course.over:
            return self.link.step(course.steps, question, patience)
        return self.link.abandon(course.steps, question, timed_out=course.over < course.task.deadline)

    def _end(self, course: SteppedRequest, answer: Result) -> None:
        since, self._last = max(course.began, self._last), time.monotonic()
        self._hear(course.task, course.turn, since, answer)

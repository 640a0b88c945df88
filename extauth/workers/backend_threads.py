"""One backend's own threads and queue in a worker. If it hangs, no other backend waits for it.

In the queue accounts take turns: an attack on one account delays no other account.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

from extauth.chain import ChainRun, ConfiguredBackend
from extauth.guard import GuardedErrors
from extauth.model import Account, FailureResult, Result
from extauth.workers.fair_queue import FairQueue
from extauth.workers.result_batcher import FOLLOWS_WITHIN
from extauth.workers.threads import OnFailure, start_critical_thread

STUCK_AFTER = 10.0
"""Seconds beyond its timeout that the calls of all threads must last before a backend counts as stuck."""

_TOO_LATE = FailureResult(reason="the deadline passed before a backend was called")


class WorkerRequest:
    """A request in a worker: its key, its deadline (monotonic seconds), its run along the chain.

    `calls` counts the backends that have given a result: a result for an earlier count is out of date.
    `wait_until`: the time until which the current backend's result counts.
    """

    __slots__ = ("calls", "deadline", "key", "run", "wait_until")

    def __init__(self, key: int, deadline: float, run: ChainRun) -> None:
        self.key = key
        self.deadline = self.wait_until = deadline
        self.run = run
        self.calls = 0


RequestQueue = FairQueue[Account, tuple[WorkerRequest, int]]
OnResult = Callable[[WorkerRequest, int, Result, int], None]


class BackendThreads:
    """Calls one backend. Each result goes to `on_result(request, calls, result, followers)`.

    `followers`: how many results are expected to follow closely.
    """

    def __init__(
        self,
        backend: ConfiguredBackend,
        on_result: OnResult,
        on_failure: OnFailure,
        queue: RequestQueue | None = None,
    ) -> None:
        self.backend = backend
        self._on_result = on_result
        self._on_failure = on_failure
        self._queue = FairQueue() if queue is None else queue
        self._pace = FOLLOWS_WITHIN  # seconds for one result
        self._calls: dict[int, float] = {}  # number of a thread -> when its call of the backend's code began
        for number in range(backend.concurrency):
            start_critical_thread(f"{backend.name}-{number}", on_failure, self._run, number)

    def put(self, request: WorkerRequest) -> None:
        """Call the backend when it is the turn of the request's account."""
        self._queue.put(request.run.request.account, (request, request.calls))

    @property
    def followers(self) -> int:
        """How many accounts have requests waiting, if results come fast enough to follow one another closely."""
        return self._queue.waiting if self._pace < FOLLOWS_WITHIN else 0

    def is_stuck(self) -> bool:
        """Return whether every thread is in a call that should have ended long ago."""
        too_early = time.monotonic() - (self.backend.timeout or 0.0) - STUCK_AFTER
        calls = list(self._calls.values())
        return len(calls) == self.backend.concurrency and max(calls) < too_early

    def _run(self, number: int) -> None:
        if number == 0 and self.backend.is_loaded:
            try:
                self.backend.open()
            except GuardedErrors as error:
                self._on_failure(f"backend {self.backend.name}: {error}")
        self._serve(number)

    def _serve(self, number: int) -> NoReturn:
        """Call the backend for one request after the other."""
        while True:
            if not self._queue.waiting:
                self._idle()
            request, calls = self._queue.get()
            if self._is_current(request, calls):
                self._call(number, request, calls)

    def _is_current(self, request: WorkerRequest, calls: int) -> bool:
        """Return whether the result would still count. If only the deadline is over, give that as the result."""
        if request.calls != calls:
            return False  # the backend's timeout was over while the request waited
        if time.monotonic() >= request.deadline:
            self._on_result(request, calls, _TOO_LATE, self.followers)
            return False
        return True

    def _call(self, number: int, request: WorkerRequest, calls: int) -> None:
        self._calls[number] = began = time.monotonic()
        result = self.backend.call(request.run.request)
        del self._calls[number]
        self._finish(request, calls, began, result)

    def _finish(self, request: WorkerRequest, calls: int, since: float, result: Result) -> None:
        """Pass a result on, and learn the pace from it: it was the next one to come since then (monotonic seconds)."""
        self._pace += (time.monotonic() - since - self._pace) / 8  # an average: one wait for a core says little
        self._on_result(request, calls, result, self.followers)

    def _idle(self) -> None:
        try:
            self.backend.on_idle()
        except GuardedErrors as error:
            self._on_failure(f"backend {self.backend.name}: {error}")

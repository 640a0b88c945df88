"""Threads for a backend that says what it waits for: each thread has several requests under way."""

from __future__ import annotations

import contextlib
import math
import os
import time

from extauth.backends.steps import Steps, Wait, readable
from extauth.chain import ConfiguredBackend
from extauth.model import Account, FailureResult, Result, VerdictResult
from extauth.workers.backend_threads import BackendThreads, WorkerContext, WorkerRequest
from extauth.workers.fair_queue import WatchableQueue
from extauth.workers.threads import start_critical_thread

STUCK_AFTER = 10.0
"""Seconds beyond its timeout that the calls of all threads must last before the backend counts as stuck."""

_PATIENCE = 0.02  # seconds that a thread with a single request waits inside of its steps


class SteppedRequest:
    """A request whose steps have begun, and what they wait for (times in monotonic seconds).

    `expires`: the time after which the result no longer counts.
    """

    __slots__ = ("began", "calls", "expires", "fileno", "request", "steps", "until")

    def __init__(self, request: WorkerRequest, calls: int, steps: Steps[Result]) -> None:
        self.request = request
        self.calls = calls
        self.began = self.until = time.monotonic()
        self.expires = request.wait_until
        self.steps = steps
        self.fileno = -1

    def wait_for(self, wait: Wait) -> None:
        """Remember what it waits for, at most until it expires."""
        self.fileno = wait.fileno
        self.until = min(wait.until, self.expires)


class ThreadRequests:
    """One thread's requests: those that wait, and those that continue in threads of their own."""

    def __init__(self) -> None:
        self.waiting: list[SteppedRequest] = []
        self.apart: dict[SteppedRequest, float] = {}  # and when the current call of the backend's code began
        self.room = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # readable when one of `apart` has ended

    def __len__(self) -> int:
        return len(self.waiting) + len(self.apart)

    def has_room(self, limit: int) -> bool:
        """Return whether there are fewer requests than `limit`. If not, `room` is readable when that may change."""
        if len(self) < limit:
            return True
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.room)
        return len(self) < limit  # one may have ended before the read


class SteppingThreads(BackendThreads):
    """Starts the requests that wait, up to `concurrency_per_thread` in each thread, and never waits for more."""

    def __init__(self, backend: ConfiguredBackend, worker: WorkerContext) -> None:
        self._requests = [ThreadRequests() for _ in range(backend.concurrency)]
        self._steps: dict[int, float] = {}  # by number of the thread: when its current step began
        self._is_stuck = False
        self._last_result = 0.0  # monotonic seconds
        self._watchable: WatchableQueue[Account, tuple[WorkerRequest, int]] = WatchableQueue()
        super().__init__(backend, worker, self._watchable)

    def check(self, now: float) -> None:
        """Let a new worker take over if every thread, or every request of it, is in a step that is much too long."""
        too_early = now - (self.backend.timeout or 0.0) - STUCK_AFTER
        limit = self.backend.concurrency_per_thread
        is_stuck = all(
            self._steps.get(number, too_early) < too_early
            or sum(began < too_early for began in list(requests.apart.values())) >= limit
            for number, requests in enumerate(self._requests)
        )
        if is_stuck and not self._is_stuck:
            self._worker.on_hang(self.backend.name, f"backend {self.backend.name}: all threads hang")
        self._is_stuck = is_stuck

    def _serve_next(self, number: int) -> None:
        requests = self._requests[number]
        taken = self._next(number, requests)
        if taken is None or not self._is_current(*taken):
            return
        is_alone = not requests and not self._watchable.waiting and self._watchable.has_idle_reader
        request, calls = taken
        if not self._worker.marks.start_call(request.slot, repeatable=self.backend.repeatable):
            self._worker.on_revoked(request)
            return
        stepped = SteppedRequest(request, calls, self.backend.start_steps(request.run.request))
        self._step(number, requests, stepped, patience=_PATIENCE if is_alone else 0.0)

    def _next(self, number: int, requests: ThreadRequests) -> tuple[WorkerRequest, int] | None:
        """Return a request to start. If none waits, or there is no room, continue the others first."""
        if not requests:
            return self._watchable.get()
        if requests.has_room(self.backend.concurrency_per_thread):
            taken = self._watchable.get_or_watch()
            if taken is not None:
                return taken
            ready = _wait_for_ready(requests.waiting, self._watchable.signal)
            self._watchable.stop_watching()
        else:
            ready = _wait_for_ready(requests.waiting, requests.room)
        if ready:
            requests.waiting = [stepped for stepped in requests.waiting if stepped not in ready]
        for stepped in ready:
            self._step(number, requests, stepped)
        return None

    def _step(self, number: int, requests: ThreadRequests, stepped: SteppedRequest, patience: float = 0.0) -> None:
        """Let the backend take the next step, or several with patience, because no other request waits.

        A step that may be long, and all after it, are taken in a thread of their own.
        """
        self._steps[number] = time.monotonic()
        found = self._take_step(stepped, patience)
        del self._steps[number]
        if isinstance(found, Wait):
            stepped.wait_for(found)
            requests.waiting.append(stepped)
        elif found is not None:
            self._end(stepped, found)
        else:
            requests.apart[stepped] = time.monotonic()
            name = f"{self.backend.name}-apart"
            try:
                start_critical_thread(name, self._worker.on_failure, self._finish_apart, requests, stepped)
            except RuntimeError:  # the system has no more threads
                self._finish_apart(requests, stepped)

    def _finish_apart(self, requests: ThreadRequests, stepped: SteppedRequest) -> None:
        """Take all remaining steps."""
        while not isinstance(found := self._take_step(stepped), VerdictResult | FailureResult):
            if found is not None:
                stepped.wait_for(found)
                requests.apart[stepped] = math.inf
                _wait_for_ready([stepped])
                requests.apart[stepped] = time.monotonic()
        if not self._watchable.waiting:
            self._idle()
        del requests.apart[stepped]
        os.eventfd_write(requests.room, 1)
        self._end(stepped, found)

    def _take_step(self, stepped: SteppedRequest, patience: float = 0.0) -> Wait | Result | None:
        """Take the next step, or cancel the steps if the result no longer counts."""
        request = stepped.request.run.request
        if time.monotonic() < stepped.expires:
            return self.backend.next_step(stepped.steps, request, patience)
        timed_out = stepped.expires < stepped.request.deadline
        return self.backend.cancel(stepped.steps, request, timed_out=timed_out)

    def _end(self, stepped: SteppedRequest, result: Result) -> None:
        self._worker.marks.end_call(stepped.request.slot)
        since, self._last_result = max(stepped.began, self._last_result), time.monotonic()
        self._finish(stepped.request, stepped.calls, since, result)


def _wait_for_ready(requests: list[SteppedRequest], *signals: int) -> list[SteppedRequest]:
    """Wait for the first request that can continue, or for a signal. Return the requests that can continue."""
    filenos = [request.fileno for request in requests]
    found = readable([*filenos, *signals], min([request.until for request in requests], default=None))
    now = time.monotonic()
    return [request for request in requests if request.fileno in found or now >= request.until]

"""One backend's own threads and queue in a worker. If it hangs, no other backend waits for it.

In the queue accounts take turns: an attack on one account delays no other account. A call that hangs gives its place to
another thread, so that the other requests of the backend go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from time import clock_gettime, pthread_getcpuclockid

import msgspec

from extauth.chain import ChainRun, ConfiguredBackend
from extauth.chain.call_marks import CallMarks
from extauth.guard import GuardedErrors, place_of_thread
from extauth.log_levels import Level
from extauth.model import FailureResult, Result
from extauth.workers.fair_queue import FairQueue
from extauth.workers.result_batcher import FOLLOWS_WITHIN
from extauth.workers.threads import start_critical_thread

HANGS_AFTER = 0.5
"""Seconds that a call may run without using the processor; then another thread takes over its place."""

MAX_THREADS = 64
"""Threads of one backend in one worker, those that hang included. Beyond that a new worker takes over."""

_BUSY = 0.02  # seconds of processor time within HANGS_AFTER that show that a call computes
TOO_LATE = FailureResult(reason="the deadline passed before a backend was called")
"""The result of a request whose turn comes too late."""


class WorkerRequest:
    """A request in a worker: its slot, its deadline (monotonic seconds), its run along the chain.

    `calls` counts the backends that have given a result: a result for an earlier count is out of date.
    `wait_until`: the time until which the current backend's result counts.
    """

    __slots__ = ("calls", "deadline", "run", "slot", "wait_until")

    def __init__(self, slot: int, deadline: float, run: ChainRun) -> None:
        self.slot = slot
        self.deadline = self.wait_until = deadline
        self.run = run
        self.calls = 0

    def wait(self, until: float) -> None:
        """Let the result of the backend that is called next count until this time, at most until the deadline."""
        self.wait_until = min(self.deadline, until)

    def end_call(self) -> None:
        """Let a later result of the backend that was called not count."""
        self.calls += 1


class WorkerContext(msgspec.Struct, frozen=True):
    """What the threads of a backend use of their worker.

    `on_result(request, calls, result, followers)` takes a result; `followers`: how many are expected to follow closely.
    `on_results` takes several results that came together.
    `on_revoked(request)`: another worker has the request. `on_hang(backend, why)`: it can have no more threads here.
    """

    marks: CallMarks
    on_result: Callable[[WorkerRequest, int, Result, int], None]
    on_results: Callable[[list[tuple[WorkerRequest, int, Result]]], None]
    on_revoked: Callable[[WorkerRequest], None]
    on_hang: Callable[[str, str], None]
    log: Callable[[Level, str], None]

    def on_failure(self, text: str) -> None:
        """Log a failure."""
        self.log(Level.FAILURES, text)


class RunningCall:
    """A call of a backend's code. `checked`, `cpu`: when its thread's processor time was read, and what it was."""

    __slots__ = ("checked", "clock", "cpu", "is_newcomer", "thread")

    def __init__(self, *, is_newcomer: bool) -> None:
        self.is_newcomer = is_newcomer
        self.thread = threading.get_ident()
        self.clock = pthread_getcpuclockid(self.thread)
        self.cpu = -1.0
        self.checked = time.monotonic()

    def hangs(self, now: float) -> bool:
        """Return whether it has used no processor time for HANGS_AFTER seconds."""
        if self.cpu < 0 or now - self.checked >= HANGS_AFTER:
            cpu = clock_gettime(self.clock)
            if self.cpu >= 0 and cpu - self.cpu < _BUSY:
                return True
            if self.cpu >= 0:
                self.checked = now
            self.cpu = cpu
        return False


class BackendThreads:
    """Calls one backend, each call in one of `backend.concurrency` places."""

    def __init__(self, backend: ConfiguredBackend, worker: WorkerContext) -> None:
        self.backend = backend
        self._worker = worker
        self._queue: FairQueue[tuple[WorkerRequest, int]] = FairQueue(backend.concurrency)
        self._pace = FOLLOWS_WITHIN  # seconds for one result
        self._calls: dict[int, RunningCall] = {}  # by number of the thread
        self._in_place: set[int] = set()  # numbers of the threads that take requests
        self._last_number = -1
        self._alive = 0
        self._has_reported = False
        self._lock = threading.Lock()
        for _ in range(backend.concurrency):
            self._start_thread()

    def put(self, request: WorkerRequest) -> None:
        """Call the backend when it is the turn of the request's account."""
        asked = request.run.request
        self._queue.put(asked.account, (request, request.calls), is_newcomer=asked.is_newcomer)

    @property
    def followers(self) -> int:
        """How many accounts have requests waiting, if results come fast enough to follow one another closely."""
        return self._queue.waiting if self._pace < FOLLOWS_WITHIN else 0

    def close(self) -> None:
        """Disconnect. Raise `GuardedErrors`."""
        self.backend.close()

    def check(self, now: float) -> None:
        """Give the places of calls that hang to other threads. The monitor calls this."""
        for number, call in list(self._calls.items()):
            if number in self._in_place and call.hangs(now):
                self._replace(number, call)

    def _start_thread(self) -> None:
        with self._lock:
            self._last_number += 1
            number = self._last_number
            self._in_place.add(number)
            self._alive += 1
        start_critical_thread(f"{self.backend.name}-{number}", self._worker.on_failure, self._run, number)

    def _replace(self, number: int, call: RunningCall) -> None:
        """Let another thread take over from one whose call hangs. If there can be none, a new worker takes over."""
        place = place_of_thread(call.thread)
        why = f"backend {self.backend.name}: a call has been waiting for {HANGS_AFTER:g} s at {place}"
        if self.backend.concurrency == 1 or self._alive >= MAX_THREADS:
            if not self._has_reported:
                self._has_reported = True
                self._worker.on_hang(self.backend.name, why)
            return
        with self._lock:
            if self._calls.get(number) is not call:
                return  # it has just ended
            self._in_place.discard(number)
        self._queue.free_place(is_newcomer=call.is_newcomer)
        try:
            self._start_thread()
        except RuntimeError:  # the system has no more threads
            self._worker.on_hang(self.backend.name, why)
            return
        self._worker.log(Level.PROBLEMS, f"{why}; another thread takes over its place")

    def _run(self, number: int) -> None:
        if number == 0 and self.backend.is_loaded:
            try:
                self.backend.open()
            except GuardedErrors as error:
                self._worker.on_failure(f"backend {self.backend.name}: {error}")
        self._serve(number)
        with self._lock:
            self._alive -= 1

    def _serve(self, number: int) -> None:
        """Call the backend for one request after the other, as long as this thread has a place."""
        while number in self._in_place:
            if not self._queue.waiting:
                self._idle()
            self._serve_next(number)

    def _serve_next(self, number: int) -> None:
        """Call the backend for the next request. Nothing here holds an old request while this waits."""
        request, calls = self._queue.get()
        if self._is_current(request, calls):
            self._call(number, request, calls)
        if number in self._in_place:
            self._queue.free_place(is_newcomer=request.run.request.is_newcomer)

    def _is_current(self, request: WorkerRequest, calls: int) -> bool:
        """Return whether the result would still count. If only the deadline is over, give that as the result."""
        if request.calls != calls:
            return False  # the backend's timeout was over while the request waited
        if time.monotonic() >= request.deadline:
            self._worker.on_result(request, calls, TOO_LATE, self.followers)
            return False
        return True

    def _call(self, number: int, request: WorkerRequest, calls: int) -> None:
        if not self._worker.marks.start_call(request.slot, repeatable=self.backend.repeatable):
            self._worker.on_revoked(request)
            return
        call = self._calls[number] = RunningCall(is_newcomer=request.run.request.is_newcomer)
        began = call.checked
        result = self.backend.call(request.run.request)
        with self._lock:
            del self._calls[number]
        self._worker.marks.end_call(request.slot)
        self._finish(request, calls, began, result)

    def _finish(self, request: WorkerRequest, calls: int, since: float, result: Result) -> None:
        """Pass a result on, and learn the pace from it: it was the next one to come since then (monotonic seconds)."""
        self._pace += (time.monotonic() - since - self._pace) / 8  # an average: one wait for a core says little
        self._worker.on_result(request, calls, result, self.followers)

    def _idle(self) -> None:
        try:
            self.backend.on_idle()
        except GuardedErrors as error:
            self._worker.on_failure(f"backend {self.backend.name}: {error}")

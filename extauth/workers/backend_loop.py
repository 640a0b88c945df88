"""One async backend's event loop and queue in a worker: a thread of its own, and a task for each request under way.

A task is cancelled when its request's deadline, or the backend's timeout, is over. Nothing waits for a task that goes
on after that: it gives its place to another one. Code that blocks the loop is named in the log. If it goes on, a new
worker takes over.
"""

from __future__ import annotations

import asyncio
import itertools
import time

from extauth.chain import ConfiguredBackend
from extauth.guard import GuardedErrors, place_of_coroutine
from extauth.log_levels import Level
from extauth.model import FailureResult, Result
from extauth.workers.backend_threads import HANGS_AFTER, TOO_LATE, WorkerContext, WorkerRequest
from extauth.workers.fair_queue import FairQueue
from extauth.workers.loop_watch import LoopWatch
from extauth.workers.result_batcher import FOLLOWS_WITHIN
from extauth.workers.threads import start_critical_thread

BLOCKED_AFTER = 0.1
"""Seconds for which code may block the loop before the log names it."""

MAX_LEFT_BEHIND = 64
"""Tasks of one backend in one worker that go on although they were cancelled. Beyond that a new worker takes over."""

_SWEEP = 0.1  # seconds between two looks for tasks whose time is over


class RunningTask:
    """A task, when its result no longer counts, and when it was cancelled (monotonic seconds; 0.0: it was not)."""

    __slots__ = ("cancelled_at", "expires", "has_place", "is_newcomer", "task")

    def __init__(self, task: asyncio.Task[None], expires: float, *, is_newcomer: bool) -> None:
        self.task = task
        self.expires = expires
        self.is_newcomer = is_newcomer
        self.cancelled_at = 0.0
        self.has_place = True

    def cancel(self, now: float) -> None:
        """Cancel the task. Its code may go on."""
        self.cancelled_at = now
        self.task.cancel()

    def give_up_place(self) -> None:
        """Let another task have its place."""
        self.has_place = False


class BackendLoop:
    """Calls one async backend: up to `backend.concurrency` requests are under way."""

    def __init__(self, backend: ConfiguredBackend, worker: WorkerContext) -> None:
        self.backend = backend
        self._worker = worker
        self._queue: FairQueue[tuple[WorkerRequest, int]] = FairQueue(backend.concurrency)
        self._loop = asyncio.new_event_loop()
        self._is_waking = False
        self._tasks: dict[int, RunningTask] = {}
        self._numbers = itertools.count()
        self._free = backend.concurrency
        self._is_sweeping = False
        self._finished: list[tuple[WorkerRequest, int, Result]] = []
        self._sending: asyncio.TimerHandle | None = None
        self._watch = LoopWatch(self._loop)
        self._has_reported = False
        start_critical_thread(f"{backend.name}-loop", worker.on_failure, self._run)

    # --- called by other threads ----------------------------------------------------------------------

    followers = 0
    """Results that the main thread must look after: none, the loop sends what it has held back."""

    def put(self, request: WorkerRequest) -> None:
        """Call the backend when it is the turn of the request's account."""
        asked = request.run.request
        self._queue.put(asked.account, (request, request.calls), is_newcomer=asked.is_newcomer)
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._start_waiting)

    def check(self, now: float) -> None:
        """Look whether code blocks the loop. The monitor calls this."""
        blocked = self._watch.blocked_for(now, is_busy=bool(self._tasks))
        if blocked < BLOCKED_AFTER:
            return
        why = f"backend {self.backend.name}: code has blocked the event loop for {blocked:.1f} s at {self._watch.place}"
        if self._watch.is_new_place:
            self._worker.log(Level.PROBLEMS, why)
        if self._watch.hangs:
            self._report_hang(why)

    def close(self) -> None:
        """Cancel what is under way and disconnect. Raise `GuardedErrors`, and TimeoutError if it takes long."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(self.backend.closing_time)

    # --- in the loop ----------------------------------------------------------------------------------

    def _run(self) -> None:
        self._watch.begin()
        asyncio.set_event_loop(self._loop)
        if self.backend.is_loaded:
            opening = self._loop.create_task(self._open())  # noqa: F841  # the loop alone would not keep it
        self._loop.run_forever()

    async def _open(self) -> None:
        try:
            await self.backend.open_async()
        except GuardedErrors as error:
            self._worker.on_failure(f"backend {self.backend.name}: {error}")

    async def _close(self) -> None:
        for running in self._tasks.values():
            running.task.cancel()
        if self._tasks:
            await asyncio.wait([running.task for running in self._tasks.values()], timeout=_SWEEP)
        await self.backend.close_async()

    def _start_waiting(self) -> None:
        """Start a task for each request that waits, as long as there are places."""
        self._is_waking = False
        while self._free and (taken := self._queue.take()) is not None:
            self._start(*taken)
        if self._tasks and not self._is_sweeping:
            self._is_sweeping = True
            self._loop.call_later(_SWEEP, self._sweep)

    def _start(self, request: WorkerRequest, calls: int) -> None:
        is_newcomer = request.run.request.is_newcomer
        if self._may_start(request, calls):
            number = next(self._numbers)
            task = asyncio.Task(self._call(number, request, calls), loop=self._loop)
            self._tasks[number] = RunningTask(task, request.wait_until, is_newcomer=is_newcomer)
            self._free -= 1
        else:
            self._queue.free_place(is_newcomer=is_newcomer)

    def _may_start(self, request: WorkerRequest, calls: int) -> bool:
        """Mark the request as called. Return False if its result would not count any more."""
        if request.calls != calls:
            return False  # the backend's timeout was over while the request waited
        if time.monotonic() >= request.deadline:
            self._finish(request, calls, TOO_LATE)
            return False
        if not self._worker.marks.start_call(request.slot, repeatable=self.backend.repeatable):
            self._worker.on_revoked(request)
            return False
        return True

    def _free_place(self, running: RunningTask) -> None:
        running.give_up_place()
        self._free += 1
        self._queue.free_place(is_newcomer=running.is_newcomer)

    async def _call(self, number: int, request: WorkerRequest, calls: int) -> None:
        result = await self.backend.call_async(request.run.request)
        running = self._tasks.pop(number)
        self._worker.marks.end_call(request.slot)
        if running.cancelled_at:
            result = FailureResult(self.backend.name, "the time was over before it was done")
        self._finish(request, calls, result)
        if running.has_place:
            self._free_place(running)
            self._start_waiting()
        if not self._tasks:
            self._idle()

    def _finish(self, request: WorkerRequest, calls: int, result: Result) -> None:
        """Send a result together with others. None waits long, or for more than have come: each message costs CPU."""
        self._finished.append((request, calls, result))
        if len(self._finished) >= len(self._tasks):
            self._send()
        elif self._sending is None:
            self._sending = self._loop.call_later(FOLLOWS_WITHIN, self._send)

    def _send(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        finished, self._finished = self._finished, []
        self._worker.on_results(finished)

    def _idle(self) -> None:
        try:
            self.backend.on_idle()
        except GuardedErrors as error:
            self._worker.on_failure(f"backend {self.backend.name}: {error}")

    def _sweep(self) -> None:
        """Cancel the tasks whose time is over. Leave those behind that go on after that."""
        now = time.monotonic()
        for running in list(self._tasks.values()):
            if not running.cancelled_at and now >= running.expires:
                running.cancel(now)
            elif running.cancelled_at and running.has_place and now - running.cancelled_at >= HANGS_AFTER:
                self._leave_behind(running)
        self._is_sweeping = False
        self._start_waiting()

    def _leave_behind(self, running: RunningTask) -> None:
        self._free_place(running)
        where = place_of_coroutine(running.task.get_coro())
        why = f"backend {self.backend.name}: a task goes on {HANGS_AFTER:g} s after it was cancelled, at {where}"
        self._worker.log(Level.PROBLEMS, f"{why}; another one takes over its place")
        if sum(not each.has_place for each in self._tasks.values()) >= MAX_LEFT_BEHIND:
            self._report_hang(why)

    def _report_hang(self, why: str) -> None:
        if not self._has_reported:
            self._has_reported = True
            self._worker.on_hang(self.backend.name, why)

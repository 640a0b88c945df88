"""The workers of one generation: which worker gets which requests, and which one is started, retired or killed."""

from __future__ import annotations

import contextlib
import functools
import math
import socket
import time
from collections.abc import Callable, Sequence

from extauth.frontend.descriptors import READ, WRITE, Poller
from extauth.frontend.log import Log
from extauth.frontend.worker_handle import WorkerHandle, WorkerState
from extauth.log_levels import Level
from extauth.model import FailureResult, Result
from extauth.workers.messages import (
    BackendHangs,
    InvalidMessage,
    RequestBatch,
    Results,
    WorkerCommand,
    encode,
    receive,
)

_CONFIRMED_WITHIN = 10.0  # seconds that a supervisor may take to fork a worker
_PREFERRED_WITHIN = 0.5  # seconds after which other workers are preferred to one that is not confirmed
_SHORT_LIFE = 1.0  # seconds: after a worker that ends so early, the next one starts after a pause
_FIRST_PAUSE = 0.1  # seconds; each pause is twice as long as the one before
_LONGEST_PAUSE = 5.0  # seconds

OnResult = Callable[[Result, Sequence[int]], None]
SendCommand = Callable[..., None]


class WorkerGroup:
    """The workers of one generation. `on_result` takes their results; `send_command` commands the supervisor."""

    def __init__(self, poller: Poller, log: Log, on_result: OnResult, send_command: SendCommand) -> None:
        self._poller = poller
        self._log = log
        self._on_result = on_result
        self._send_command = send_command
        self._workers: dict[int, WorkerHandle] = {}
        self._last_number = 0
        self._pause = 0.0
        self._next_start = 0.0

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def under_way(self) -> int:
        """How many requests the workers have."""
        return sum(len(worker.under_way) for worker in self._workers.values())

    # --- requests -------------------------------------------------------------------------------------

    def send(self, batch: RequestBatch) -> bool:
        """Give the requests to a worker that will soon finish them, or share them. Return False without workers."""
        now = time.monotonic()
        usable = [worker for worker in self._workers.values() if not worker.is_retired]
        preferred = [
            worker
            for worker in usable
            if worker.state is WorkerState.SERVING or now - worker.started < _PREFERRED_WITHIN
        ]
        workers = preferred or usable
        for worker in workers:
            if worker.will_finish_soon(len(batch.keys), now):
                self._send_to(worker, batch, now)
                return True
        even = (sum(len(worker.under_way) for worker in workers) + len(batch.keys)) / (len(workers) or 1)
        start = 0
        for worker in sorted(workers, key=lambda worker: len(worker.under_way)):
            end = start + max(0, math.ceil(even - len(worker.under_way)))
            share = batch.part(start, end)
            if share.keys:
                self._send_to(worker, share, now)
            start = end
        return bool(workers)

    def _send_to(self, worker: WorkerHandle, batch: RequestBatch, now: float) -> None:
        worker.add(batch.keys, batch.deadline, now)
        worker.output += encode(batch)
        self._write(worker)

    def _write(self, worker: WorkerHandle) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                while worker.output:
                    sent = worker.socket.send(memoryview(worker.output)[:65536])
                    del worker.output[:sent]
            except (BrokenPipeError, ConnectionResetError):
                worker.output.clear()  # the end is noticed when this process reads
        events = READ | WRITE if worker.output else READ
        self._poller.register(worker.socket.fileno(), events, worker.on_events)

    def _on_events(self, worker: WorkerHandle, events: int) -> None:
        if events & WRITE:
            self._write(worker)
        if events & ~WRITE:
            self._read(worker)

    def _read(self, worker: WorkerHandle) -> bool:
        """Take the worker's messages. Return False if there are none, or no more can come."""
        try:
            messages = receive(worker.socket, worker.reader)
        except InvalidMessage:
            self._log.write(Level.FAILURES, f"worker {worker.number} sent an invalid message; killing it")
            self._kill(worker)
            messages = None
        if messages is None:
            worker.advance(WorkerState.RETIRED)  # its requests fail when the supervisor says how it ended
            self._close_socket(worker)
            return False
        for message in messages:
            if isinstance(message, Results):
                count = sum(len(keys) for _, keys in message.results)
                worker.learn_pace(count, time.monotonic(), fast=message.fast)
                for result, keys in message.results:
                    self._on_result(result, worker.remove(keys))
            elif isinstance(message, BackendHangs):
                self._retire(worker, f"backend {message.backend} hangs in worker {worker.number}")
            else:
                self._log.write(message.level, message.text)
        return bool(messages)

    # --- lives of the workers -------------------------------------------------------------------------

    def start_missing(self, count: int, now: float) -> None:
        """Start workers until `count` of them serve, unless a pause is not over."""
        serving = sum(not worker.is_retired for worker in self._workers.values())
        while serving < count and now >= self._next_start and self._start():
            serving += 1

    def _start(self) -> bool:
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            self._start_later(f"cannot start a worker: {error.strerror}")
            return False
        with theirs:
            self._last_number += 1
            worker = WorkerHandle(self._last_number, ours)
            ours.setblocking(False)
            self._workers[worker.number] = worker
            self._send_command(WorkerCommand(kill=False, worker=worker.number), theirs.fileno())
        worker.on_events = functools.partial(self._on_events, worker)
        self._poller.register(ours.fileno(), READ, worker.on_events)
        return True

    def _start_later(self, why: str) -> None:
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self._next_start = time.monotonic() + self._pause
        self._log.write(Level.FAILURES, f"{why}; the next worker starts in {self._pause:.1f} s")

    def confirm(self, number: int) -> None:
        """The supervisor has forked this worker."""
        if number in self._workers:
            self._workers[number].advance(WorkerState.SERVING)

    def has_late_confirmation(self, now: float) -> bool:
        """Return whether the supervisor takes too long to fork a worker."""
        return any(
            worker.state is WorkerState.STARTING and worker.started + _CONFIRMED_WITHIN < now
            for worker in self._workers.values()
        )

    def check(self, now: float) -> None:
        """Retire workers that hang, and kill retired ones when the deadlines of all their requests are over."""
        for worker in self._workers.values():
            if worker.is_hung(now):
                self._retire(worker, f"worker {worker.number} hangs")
            if worker.is_retired and all(sent.deadline < now for sent in worker.batches):
                self._kill(worker)

    def _retire(self, worker: WorkerHandle, why: str) -> None:
        """Give a worker no more requests. It is killed when its requests have results, or their deadlines are over."""
        if worker.advance(WorkerState.RETIRED):
            self._log.write(Level.FAILURES, f"{why}; the worker gets no more requests")

    def _kill(self, worker: WorkerHandle) -> None:
        if worker.advance(WorkerState.KILLED):
            self._send_command(WorkerCommand(kill=True, worker=worker.number))

    def stop(self) -> None:
        """Close the workers' sockets: the workers disconnect from their databases and end."""
        for worker in self._workers.values():
            self._close_socket(worker)

    def remove_ended(self, number: int, how: str, *, log: bool) -> None:
        """Remove a worker that has ended. `log`: it should not have ended."""
        worker = self._workers.pop(number, None)
        if worker is None:
            return
        while worker.socket.fileno() >= 0 and self._read(worker):
            pass  # the results that it had sent count
        self._fail_requests(worker, how)
        if not log:
            return
        why = f"worker {worker.number} {how}"
        if time.monotonic() - worker.started < _SHORT_LIFE:
            self._start_later(why)
        else:
            self._pause = 0.0
            self._log.write(Level.FAILURES, f"{why}; it is replaced")

    def remove_all(self, how: str) -> None:
        """Remove all workers: they have ended."""
        for worker in self._workers.values():
            self._fail_requests(worker, how)
        self._workers.clear()

    def _fail_requests(self, worker: WorkerHandle, how: str) -> None:
        self._close_socket(worker)
        failure = FailureResult(reason=f"worker {worker.number}, which had the request, {how}")
        self._on_result(failure, worker.take_all())

    def _close_socket(self, worker: WorkerHandle) -> None:
        if worker.socket.fileno() >= 0:
            self._poller.unregister(worker.socket.fileno())
            worker.socket.close()

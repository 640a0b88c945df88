"""A worker process. Its main thread reads requests, handles the fast ones, and gives the others to backend threads."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from extauth.chain import Chain, ChainRun, ConfiguredBackend
from extauth.chain.call_marks import CallMarks
from extauth.guard import GuardedErrors
from extauth.log_levels import Level
from extauth.model import Result
from extauth.workers.backend_threads import BackendThreads, WorkerContext, WorkerRequest
from extauth.workers.log_forwarding import forward_logs_to
from extauth.workers.messages import (
    BackendHangs,
    FromWorker,
    KeyedResult,
    LogMessage,
    MessageReader,
    RequestBatch,
    RequestsRevoked,
    Results,
    StepsSoFar,
    WorkerReady,
    encode,
    receive,
)
from extauth.workers.result_batcher import MAX_DELAY, ResultBatcher
from extauth.workers.threads import Monitor, call_critical

if TYPE_CHECKING:
    from extauth.workers.backend_loop import BackendLoop

_PART = 32  # requests that are tried for fast results before results are sent
_ENOUGH = 64  # fast results that are sent even if more follow: the frontend should not wait for work
_REPORT_BEFORE = 0.5  # seconds before the deadline of a request


class Worker:
    """Runs the chain for the requests that come over a socket, until it closes."""

    def __init__(self, chain: Chain, sock: socket.socket, marks: CallMarks) -> None:
        self._chain = chain
        self._socket = sock
        self._marks = marks
        self._sending = threading.Lock()
        self._batcher = ResultBatcher(self._send_results)
        self._fast: dict[int, KeyedResult] = {}  # the main thread's results, by identity: equal ones share one entry
        self._oldest_fast = 0.0
        self._has_receive_timeout = False
        self._taking_result = threading.Lock()
        self._timed: dict[int, WorkerRequest] = {}  # by slot: requests with a timeout or with several backends
        forward_logs_to(self._send, chain.loggable_record)
        context = WorkerContext(marks, self._on_result, self._on_results, self._on_revoked, self._on_hang, self._log)
        self._monitor = Monitor(marks, context.on_failure)
        self._threads = {backend: _start_threads(backend, context) for backend in chain.callable}
        self._monitor.start(threads.check for threads in self._threads.values())

    def run(self) -> NoReturn:
        """Serve, then end the process. Threads that hang are not waited for."""
        call_critical("main", self._log_failure, self._serve)
        closing = [threading.Thread(target=self._close, args=(each,), daemon=True) for each in self._threads.values()]
        for thread in closing:
            thread.start()
        began = time.monotonic()
        for thread, backend in zip(closing, self._threads, strict=True):
            thread.join(max(0.0, began + backend.closing_time - time.monotonic()))
        os._exit(0)

    def _serve(self) -> None:
        """Serve until the socket closes."""
        reader = MessageReader(RequestBatch)
        self._send(WorkerReady())
        while self._serve_next(reader):
            pass

    def _serve_next(self, reader: MessageReader[RequestBatch]) -> bool:
        """Handle the batches that come next. Nothing here holds an old batch while this waits."""
        batches = self._receive(reader)
        for batch in batches or ():
            self._handle(batch)
            self._marks.batch_handled()
        return batches is not None

    def _receive(self, reader: MessageReader[RequestBatch]) -> list[RequestBatch] | None:
        """Return the batches that have come. Before waiting for one, send the results. Return None at the end."""
        if self._fast and not self._has_old_results():
            batches = receive(self._socket, reader, socket.MSG_DONTWAIT)
            if batches != []:
                return batches
        if self._fast:
            self._send_fast()
        has_followers = any(threads.followers for threads in self._threads.values())
        self._batcher.set_watched(has_followers)
        if has_followers and not self._has_receive_timeout:
            self._set_receive_timeout(True)
        batches = receive(self._socket, reader)
        if batches == [] and not has_followers:
            self._set_receive_timeout(False)  # only now: under load followers come and go
        return batches

    def _set_receive_timeout(self, enabled: bool) -> None:
        """Wait for requests no longer than results may be held back, or without limit."""
        self._has_receive_timeout = enabled
        timeval = struct.pack("@ll", 0, int(MAX_DELAY * 1e6) if enabled else 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)

    def _handle(self, batch: RequestBatch) -> None:
        for start in range(0, len(batch.keys), _PART):
            if not self._fast:
                self._oldest_fast = time.monotonic()
            self._start(batch.part(start, start + _PART))
            self._marks.progress()
            self._batcher.send_old()
            if self._fast and (sum(len(keys) for _, keys in self._fast.values()) >= _ENOUGH or self._has_old_results()):
                self._send_fast()

    def _start(self, batch: RequestBatch) -> None:
        """Keep the fast results, and give the other requests to backend threads."""
        fast = self._fast
        all_started = self._chain.start(batch.requests, batch.keys, self._marks.called)
        for slot, started in zip(batch.keys, all_started, strict=True):
            try:
                fast[id(started)][1].append(slot)
            except KeyError:
                if isinstance(started, ChainRun):
                    self._call_backend(WorkerRequest(slot, batch.deadline, started))
                else:
                    fast[id(started)] = started, [slot]

    def _has_old_results(self) -> bool:
        """Return whether the fast results have waited long enough for others."""
        return time.monotonic() - self._oldest_fast > MAX_DELAY

    def _send_fast(self) -> None:
        fast, self._fast = self._fast, {}
        self._batcher.send(fast.values())

    def _call_backend(self, request: WorkerRequest) -> None:
        """Give a request to the threads of its next backend, and watch that backend's timeout."""
        threads = self._threads[request.run.backend]
        if threads.backend.timeout is not None:
            timeout_at = time.monotonic() + threads.backend.timeout
            request.wait(timeout_at)
            self._timed[request.slot] = request
            self._monitor.call_at(timeout_at, self._on_timeout, request.slot, request.calls)
        else:
            request.wait(request.deadline)
        if request.run.may_have_steps:
            self._timed[request.slot] = request
            self._watch_deadline(request)
        threads.put(request)

    def _watch_deadline(self, request: WorkerRequest) -> None:
        """Let the frontend know shortly before the deadline what the backends have said: its log record says so."""
        report_at = request.deadline - _REPORT_BEFORE
        if not request.calls or time.monotonic() >= report_at:
            self._monitor.call_at(report_at, self._report_steps, request.slot, request.calls)

    def _report_steps(self, slot: int, calls: int) -> None:
        request = self._timed.get(slot)  # perhaps a later one, with another deadline
        if request is not None and time.monotonic() >= request.deadline - _REPORT_BEFORE:
            with self._taking_result:
                steps = request.run.steps_so_far()
            self._send(StepsSoFar(slot, steps))

    def _on_result(self, request: WorkerRequest, calls: int, result: Result, followers: int) -> None:
        """Take a backend's result. Send the final one, or call the next backend."""
        final = self._add_result(request, calls, result)
        if final is not None:
            self._batcher.put((final, [request.slot]), followers=followers)

    def _on_results(self, results: list[tuple[WorkerRequest, int, Result]]) -> None:
        """Do the same with several results that came together."""
        finals = [
            (final, [request.slot])
            for request, calls, result in results
            if (final := self._add_result(request, calls, result)) is not None
        ]
        if finals:
            self._batcher.put_all(finals)

    def _add_result(self, request: WorkerRequest, calls: int, result: Result) -> Result | None:
        """Return the final result. Return None if the next backend was called, or the backend's timeout was over."""
        with self._taking_result:
            if request.calls != calls:
                return None
            request.end_call()
            self._timed.pop(request.slot, None)
            final = request.run.add_result(result)
        if final is None:
            self._call_backend(request)
        return final

    def _on_timeout(self, slot: int, calls: int) -> None:
        request = self._timed.get(slot)
        if request is not None and request.calls == calls and time.monotonic() >= request.wait_until:
            self._on_result(request, calls, request.run.backend.timed_out(), 0)

    def _on_revoked(self, request: WorkerRequest) -> None:
        """Give a request back to the frontend."""
        with self._taking_result:
            request.end_call()
            self._timed.pop(request.slot, None)
        self._send(RequestsRevoked([request.slot]))

    def _on_hang(self, backend: str, why: str) -> None:
        self._send(BackendHangs(backend, why))

    def _log(self, level: Level, text: str) -> None:
        self._send(LogMessage(level, text))

    def _log_failure(self, text: str) -> None:
        self._send(LogMessage(Level.FAILURES, text))

    def _send_results(self, results: list[KeyedResult], fast: bool) -> None:
        self._send(Results(results, fast))

    def _send(self, message: FromWorker) -> None:
        data = encode(message)
        with self._sending:
            try:
                self._socket.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the frontend has closed it: the main thread will see the end
            except OSError:
                os._exit(1)  # a backend's code has closed it

    def _close(self, threads: BackendThreads | BackendLoop) -> None:
        try:
            threads.close()
        except (*GuardedErrors, TimeoutError) as error:
            self._log_failure(f"backend {threads.backend.name}: {error or 'disconnecting takes too long'}")


def _start_threads(backend: ConfiguredBackend, context: WorkerContext) -> BackendThreads | BackendLoop:
    if not backend.is_async:
        return BackendThreads(backend, context)
    from extauth.workers.backend_loop import BackendLoop  # here because it imports asyncio

    return BackendLoop(backend, context)

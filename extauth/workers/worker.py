"""A worker process: one thread reads questions, answers the quick ones, and hands the others to threads per backend."""

from __future__ import annotations

import functools
import os
import socket
import struct
import threading
import time
from typing import NoReturn

from extauth.chain import Chain, ChainRun, ConfiguredBackend
from extauth.errors import BackendUnavailable, ConfigError, UnexpectedError
from extauth.log_levels import Level
from extauth.model import Result
from extauth.workers.alarms import TimeoutThread
from extauth.workers.backend_threads import BackendThreads
from extauth.workers.critical_thread import call_critical
from extauth.workers.log_forwarding import forward_logs_to
from extauth.workers.messages import Answers, FromWorker, Hangs, LogRecord, MessageReader, RequestBatch, encode, receive
from extauth.workers.result_batcher import OLDEST, KeyedResult, ResultBatcher
from extauth.workers.stepping_threads import SteppingThreads
from extauth.workers.task import WorkerRequest

_AT_ONCE = 32  # questions that are looked through for quick ones before answers are sent
_ENOUGH = 64  # quick answers, to be sent although more follow: the front process shall not wait for work either
_CLOSING = 0.4  # seconds that backends have to disconnect


class Worker:
    """Runs the chain for the questions that come over a socket, until that closes."""

    def __init__(self, chain: Chain, sock: socket.socket) -> None:
        self._chain = chain
        self._socket = sock
        self._sending = threading.Lock()
        self._outbox = ResultBatcher(self._answer)
        self._quick: dict[int, KeyedResult] = {}  # answers of this thread that may take more along, by identity
        self._oldest = 0.0
        self._is_watching = False
        self._turning = threading.Lock()
        forward_logs_to(self._send)
        self._lanes = {
            link: (BackendThreads if link.at_once == 1 else SteppingThreads)(link, self._hear, self._log_failure)
            for link in chain.links
        }
        self._alarms = TimeoutThread(self._log_failure) if any(link.timeout for link in chain.links) else None

    def run(self) -> NoReturn:
        """Serve, then end the process: threads that hang are not waited for."""
        call_critical("main", self._log_failure, self._serve_all)
        closing = [threading.Thread(target=self._close, args=(link,), daemon=True) for link in self._chain.links]
        for thread in closing:
            thread.start()
        until = time.monotonic() + _CLOSING
        for thread in closing:
            thread.join(max(0.0, until - time.monotonic()))
        os._exit(0)

    def _serve_all(self) -> None:
        """Serve until the socket closes."""
        inbox = MessageReader(RequestBatch)
        while (batches := self._receive(inbox)) is not None:
            for batch in batches:
                self._serve(batch)

    def _receive(self, inbox: MessageReader[RequestBatch]) -> list[RequestBatch] | None:
        """What has arrived; where nothing has, answers are sent before it is waited for. None at the end."""
        if self._quick and not self._are_old():
            batches = receive(self._socket, inbox, socket.MSG_DONTWAIT)
            if batches != []:
                return batches
        if self._quick:
            self._send_quick()
        has_more = any(lane.more for lane in self._lanes.values())
        self._outbox.watch(has_more)
        if has_more and not self._is_watching:
            self._watch(True)
        batches = receive(self._socket, inbox)
        if batches == [] and not has_more:
            self._watch(False)  # not at once when there is no more: under load that comes and goes
        return batches

    def _watch(self, watch: bool) -> None:
        """Wait for something to arrive for no longer than answers may be held back, or without an end."""
        self._is_watching = watch
        timeval = struct.pack("@ll", 0, int(OLDEST * 1e6) if watch else 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)

    def _serve(self, batch: RequestBatch) -> None:
        for start in range(0, len(batch.keys), _AT_ONCE):
            if not self._quick:
                self._oldest = time.monotonic()
            self._begin(batch.part(start, start + _AT_ONCE))
            self._outbox.look()
            if self._quick and (sum(len(keys) for _, keys in self._quick.values()) >= _ENOUGH or self._are_old()):
                self._send_quick()

    def _begin(self, batch: RequestBatch) -> None:
        """Answer those that are quick, and have the others wait for a thread."""
        quick = self._quick
        for key, begun in zip(batch.keys, self._chain.begin(batch.questions), strict=True):
            try:
                quick[id(begun)][1].append(key)
            except KeyError:
                if isinstance(begun, ChainRun):
                    self._route(WorkerRequest(key, batch.deadline, begun))
                else:
                    quick[id(begun)] = begun, [key]

    def _are_old(self) -> bool:
        """Whether quick answers have waited long enough for others."""
        return time.monotonic() - self._oldest > OLDEST

    def _send_quick(self) -> None:
        quick, self._quick = self._quick, {}
        self._outbox.send(quick.values())

    def _route(self, task: WorkerRequest) -> None:
        """Have the backend asked whose turn it is, and see to it that its time is kept."""
        lane = self._lanes[task.inquiry.link]
        if self._alarms is not None and lane.link.timeout is not None:
            give_up = functools.partial(self._give_up, lane, task, task.turn)
            give_up_at = time.monotonic() + lane.link.timeout
            task.until = min(task.deadline, give_up_at)
            self._alarms.set(give_up_at, give_up)
        else:
            task.until = task.deadline
        lane.put(task)

    def _hear(self, task: WorkerRequest, turn: int, answer: Result, more: int) -> None:
        """Take an answer, unless that backend was given up on; send the decision, or ask the next one."""
        with self._turning:
            if task.turn != turn:
                return
            task.turn += 1
            decision = task.inquiry.hear(answer)
        if decision is None:
            self._route(task)
        else:
            self._outbox.put((decision, [task.key]), more=more)

    def _give_up(self, lane: BackendThreads, task: WorkerRequest, turn: int) -> None:
        if task.turn == turn:
            self._hear(task, turn, lane.link.gave_up(), 0)
            if lane.is_stuck():
                self._send(Hangs(lane.link.name))

    def _log_failure(self, text: str) -> None:
        self._send(LogRecord(Level.FAILURES, text))

    def _answer(self, answers: list[KeyedResult], quick: bool) -> None:
        self._send(Answers(answers, quick))

    def _send(self, message: FromWorker) -> None:
        data = encode(message)
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError:
                os._exit(1)  # the front process is gone

    def _close(self, link: ConfiguredBackend) -> None:
        try:
            link.close()
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            self._log_failure(f"backend {link.name}: {error}")

"""One keeper and its workers, as the front process sees them."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from extauth.backends.base import SeenFiles
from extauth.config import Config
from extauth.frontend.log import Log
from extauth.frontend.poller import READ, WRITE, Poller
from extauth.log_levels import Level
from extauth.model import FailureResult, Result
from extauth.workers.messages import (
    Answers,
    Changed,
    Command,
    Ended,
    FromSupervisor,
    FromWorker,
    Hangs,
    InvalidMessage,
    Loaded,
    LogRecord,
    MessageReader,
    Refused,
    RequestBatch,
    Started,
    encode,
    receive,
    seen_on_arrival,
)
from extauth.workers.start import SupervisorProcess

_KEEPER_ENDS_IN = 0.3  # seconds
_HUNG_AFTER = 10.0  # seconds over the deadline: more than the costliest check that is permitted takes
_STARTED_WITHIN = 10.0  # seconds
_BORN_WITHIN = 0.5  # seconds, after which others are asked rather than a worker that may never be there
_SHORT_LIFE = 1.0  # seconds: a worker that dies so young is followed more slowly
_LONGEST_PAUSE = 5.0  # seconds
_SOON = 0.002  # seconds: work so short is dearer to share out than to do, since every process has to be woken up
_LONG = 0.005  # seconds from which on a question that is under way shows that it is no such work

Decide = Callable[[Result, Sequence[int]], None]


class Sent(NamedTuple):
    """A batch that a worker has had: its deadline, when it was sent, and between which keys its questions are."""

    deadline: float
    since: float
    keys: range


class WorkerHandle:
    """A worker: its socket, and the keys of the questions it has."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.socket = sock
        self.inbox: MessageReader[FromWorker] = MessageReader(FromWorker)  # type: ignore[arg-type]  # a union is no type to mypy
        self.outbox = bytearray()
        self.under_way: set[int] = set()
        self.batches: deque[Sent] = deque()
        self.started = time.monotonic()
        self.confirmed = False
        self.retired = False
        self.killed = False
        self.hear: Callable[[int], None] = lambda events: None
        self._pace = math.inf  # seconds that an answer takes it
        self._since = 0.0  # when it answered last, or was given something where it had nothing

    def take(self, keys: list[int], deadline: float, now: float) -> None:
        """Have these under way."""
        if not self.under_way:
            self._since = now
        self.under_way.update(keys)
        self.batches.append(Sent(deadline, now, range(min(keys), max(keys) + 1)))

    def give_back(self, keys: list[int]) -> list[int]:
        """Have these no longer under way; those of them that were: a worker decides nothing else."""
        answered = keys if self.under_way.issuperset(keys) else [key for key in keys if key in self.under_way]
        self.under_way.difference_update(answered)
        return answered

    def pace(self, answers: int, now: float, *, quick: bool) -> None:
        """Learn how long it has taken for so many answers; that it had to wait for a core once says little.

        Where they were not quick, nothing is expected of it: in threads it takes long for each, or may the next time.
        """
        if not answers:
            return  # a worker of ours says no such thing, but a broken one may
        pace = (now - self._since) / answers if quick else math.inf
        if math.inf in (pace, self._pace):
            self._pace = pace
        else:
            self._pace += (min(pace, 2 * self._pace) - self._pace) / 4
        self._since = now

    def has_soon_answered(self, more: int, now: float) -> bool:
        """Whether it will soon be through with so many more, as far as can be told from how it has answered."""
        if (len(self.under_way) + more) * self._pace > _SOON:
            return False
        oldest = self._oldest()
        return oldest is None or now - oldest.since < _LONG

    def _oldest(self) -> Sent | None:
        """The first batch of which a question is under way."""
        while self.batches and self.under_way.isdisjoint(self.batches[0].keys):
            self.batches.popleft()
        return self.batches[0] if self.batches else None

    def is_hung(self, now: float) -> bool:
        """Whether a question is far over its deadline, and neither answered nor thrown away."""
        oldest = self._oldest()
        return oldest is not None and oldest.deadline + _HUNG_AFTER < now


class Generation:
    """One reading of configuration and files: loading, then serving, then drained and closed.

    `decide` takes the decisions of its workers; `stir` is called when something has happened that wants tending.
    """

    def __init__(
        self,
        config: Config,
        keeper: SupervisorProcess,
        poller: Poller,
        log: Log,
        decide: Decide,
        stir: Callable[[], None],
    ) -> None:
        self.config = config
        self.seen: SeenFiles = {}
        self.summary = ""
        self.refused: str | None = None
        self.changed: list[str] = []
        self.loaded = False
        self.gone = False
        self.started = time.monotonic()
        self._poller = poller
        self._log = log
        self._decide = decide
        self._stir = stir
        self._workers: dict[int, WorkerHandle] = {}
        self._count = 0
        self._pause = 0.0
        self._next_start = 0.0
        self._leaving = False
        self._dismissed = False
        self._end_by: float | None = None
        self._inbox: MessageReader[FromSupervisor] = MessageReader(FromSupervisor)  # type: ignore[arg-type]  # a union is no type to mypy
        self.keeper, self._socket = keeper.pid, keeper.socket
        self._socket.setblocking(False)
        poller.watch(self._socket.fileno(), READ, self._hear_keeper)

    @property
    def under_way(self) -> int:
        """How many questions its workers have."""
        return sum(len(worker.under_way) for worker in self._workers.values())

    def ask(self, batch: RequestBatch) -> bool:
        """Give the questions to a worker that will soon have answered them, or share them out. False: there is none."""
        now = time.monotonic()
        there = [worker for worker in self._workers.values() if not worker.retired]
        workers = [worker for worker in there if worker.confirmed or now - worker.started < _BORN_WITHIN] or there
        for worker in workers:
            if worker.has_soon_answered(len(batch.keys), now):
                self._ask(worker, batch, now)
                return True
        even = (sum(len(worker.under_way) for worker in workers) + len(batch.keys)) / (len(workers) or 1)
        start = 0
        for worker in sorted(workers, key=lambda worker: len(worker.under_way)):
            end = start + max(0, math.ceil(even - len(worker.under_way)))
            share = batch.part(start, end)
            if share.keys:
                self._ask(worker, share, now)
            start = end
        return bool(workers)

    def _ask(self, worker: WorkerHandle, batch: RequestBatch, now: float) -> None:
        worker.take(batch.keys, batch.deadline, now)
        worker.outbox += encode(batch)
        self._send(worker)

    def tend(self) -> None:
        """Replace workers that hang or have died; bury the retired ones."""
        if self.gone:
            return
        now = time.monotonic()
        if self._end_by is not None:
            if now >= self._end_by:
                self._kill()
            return
        for worker in self._workers.values():
            if worker.is_hung(now):
                self._retire(worker, f"worker {worker.number} hangs")
            if worker.retired and all(sent.deadline < now for sent in worker.batches):
                self._kill_worker(worker)
        if any(not worker.confirmed and worker.started + _STARTED_WITHIN < now for worker in self._workers.values()):
            self._log.write(Level.FAILURES, "the parent of the workers hangs: killing it")
            self._bury_keeper()
        elif self.loaded and not self._leaving:
            serving = sum(not worker.retired for worker in self._workers.values())
            while serving < self.config.helper.workers and now >= self._next_start and self._start_worker():
                serving += 1

    def leave(self) -> None:
        """Get no more questions: workers that die are not replaced."""
        self._leaving = True

    def dismiss_workers(self) -> None:
        """Let the workers disconnect from what they are connected to, and end."""
        self._leaving = self._dismissed = True
        for worker in self._workers.values():
            self._forget_socket(worker)

    @property
    def has_workers(self) -> bool:
        """Whether one of them is alive, as far as its keeper has said."""
        return bool(self._workers)

    def close(self) -> None:
        """Have the keeper kill what is left of its workers, and end; `gone` says when that is done."""
        if not self.loaded:
            self._kill()  # whatever it loads may take long
        elif self._end_by is None and not self.gone:
            self.dismiss_workers()
            self._end_by = time.monotonic() + _KEEPER_ENDS_IN
            self._socket.shutdown(socket.SHUT_WR)

    def _kill_worker(self, worker: WorkerHandle) -> None:
        if not worker.killed:
            worker.killed = True
            self._tell_keeper(Command(kill=True, worker=worker.number))

    def _retire(self, worker: WorkerHandle, why: str) -> None:
        """Give it nothing more to do; it is killed when what it has is answered or over its deadline."""
        if not worker.retired:
            worker.retired = True
            self._log.write(Level.FAILURES, f"{why}: it gets no more requests")

    def _start_worker(self) -> bool:
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            self._start_later(f"cannot start a worker: {error.strerror}")
            return False
        with theirs:
            self._count += 1
            worker = WorkerHandle(self._count, ours)
            ours.setblocking(False)
            self._workers[worker.number] = worker
            self._tell_keeper(Command(kill=False, worker=worker.number), theirs.fileno())
        worker.hear = functools.partial(self._hear_worker, worker)
        self._poller.watch(ours.fileno(), READ, worker.hear)
        return True

    def _start_later(self, why: str) -> None:
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or 0.1)
        self._next_start = time.monotonic() + self._pause
        self._log.write(Level.FAILURES, f"{why}; the next one starts in {self._pause:.1f} s")

    def _send(self, worker: WorkerHandle) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                while worker.outbox:
                    sent = worker.socket.send(memoryview(worker.outbox)[:65536])
                    del worker.outbox[:sent]
            except (BrokenPipeError, ConnectionResetError):
                worker.outbox.clear()  # its end is seen where it is read from
        self._poller.watch(worker.socket.fileno(), READ | WRITE if worker.outbox else READ, worker.hear)

    def _hear_worker(self, worker: WorkerHandle, events: int) -> None:
        if events & WRITE:
            self._send(worker)
        if events & ~WRITE:
            self._read_answers(worker)

    def _read_answers(self, worker: WorkerHandle) -> bool:
        """Take what the worker has said; False where nothing more can come, or nothing was there."""
        try:
            messages = receive(worker.socket, worker.inbox)
        except InvalidMessage:
            self._log.write(Level.FAILURES, f"worker {worker.number} says what is no answer: killing it")
            self._kill_worker(worker)
            messages = None
        if messages is None:
            worker.retired = True  # what it had is answered when its keeper tells how it ended
            self._forget_socket(worker)
            return False
        for message in messages:
            if isinstance(message, Answers):
                answers = sum(len(keys) for _, keys in message.decisions)
                worker.pace(answers, time.monotonic(), quick=message.quick)
                for decision, keys in message.decisions:
                    self._decide(decision, worker.give_back(keys))
            elif isinstance(message, Hangs):
                self._retire(worker, f"backend {message.backend} in worker {worker.number} hangs")
            else:
                self._log.write(message.level, message.text)
        return bool(messages)

    def _hear_keeper(self, events: int) -> None:
        self._stir()
        try:
            messages = receive(self._socket, self._inbox)
        except InvalidMessage:
            messages = None
        if messages is None:
            self._bury_keeper()
            return
        for message in messages:
            if isinstance(message, LogRecord):
                self._log.write(message.level, message.text)
            elif isinstance(message, Started):
                if message.worker in self._workers:
                    self._workers[message.worker].confirmed = True
            elif isinstance(message, Loaded):
                self.seen = seen_on_arrival(message.seen)
                self.summary = message.summary
                self.loaded = True
                self.tend()
            elif isinstance(message, Changed):
                self.changed = message.paths
            elif isinstance(message, Refused):
                self.refused = message.reason
            elif isinstance(message, Ended):
                self._worker_has_ended(message)

    def _worker_has_ended(self, message: Ended) -> None:
        worker = self._workers.pop(message.worker, None)
        if worker is None:
            return
        while worker.socket.fileno() >= 0 and self._read_answers(worker):
            pass  # what it has decided counts
        self._lose(worker, message.how)
        if self._dismissed:
            return
        why = f"worker {worker.number} {message.how}"
        if time.monotonic() - worker.started < _SHORT_LIFE:
            self._start_later(why)
        else:
            self._pause = 0.0
            self._log.write(Level.FAILURES, f"{why}; it is replaced")
        self.tend()

    def _lose(self, worker: WorkerHandle, how: str) -> None:
        """What it had is answered now: it will not do so."""
        self._forget_socket(worker)
        lost, worker.under_way = worker.under_way, set()
        self._decide(FailureResult(reason=f"worker {worker.number}, that had the request, {how}"), list(lost))

    def _forget_socket(self, worker: WorkerHandle) -> None:
        if worker.socket.fileno() >= 0:
            self._poller.forget(worker.socket.fileno())
            worker.socket.close()

    def _tell_keeper(self, command: Command, *descriptors: int) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, BlockingIOError):
            socket.send_fds(self._socket, [encode(command)], list(descriptors))  # one that is lost is not confirmed

    def _kill(self) -> None:
        if not self.gone:
            self._bury_keeper()

    def _bury_keeper(self) -> None:
        """It has closed its socket, which it does by ending, or it has been killed."""
        self.gone = True
        self._stir()
        self._poller.forget(self._socket.fileno())
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.keeper, signal.SIGKILL)  # a backend's code may have closed the socket and hang
        os.waitpid(self.keeper, 0)
        for worker in self._workers.values():
            self._lose(worker, "was lost with its parent")
        self._workers.clear()

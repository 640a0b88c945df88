"""A worker process: one thread reads questions, answers the quick ones, and hands the others to threads per backend."""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
from typing import NoReturn

from extauth.chain import Chain, Inquiry, Link
from extauth.errors import BackendUnavailable, ConfigError, Fault
from extauth.log_levels import Level
from extauth.model import Decision
from extauth.workers.alarms import Alarms
from extauth.workers.backend_logs import send_logs_to
from extauth.workers.channel import Answers, Batch, FromWorker, Hangs, Inbox, LogRecord, encode, receive
from extauth.workers.lane import Lane, Task

_OLDEST_ANSWER = 0.003  # seconds that an answer waits at most for others to travel with
_CLOSING = 0.4  # seconds that backends have to disconnect


class Worker:
    """Runs the chain for the questions that come over a socket, until that closes."""

    def __init__(self, chain: Chain, sock: socket.socket) -> None:
        self._chain = chain
        self._socket = sock
        self._sending = threading.Lock()
        self._turning = threading.Lock()
        send_logs_to(self._send)
        self._lanes = {link: Lane(link, self._hear, self._log_failure) for link in chain.links}
        self._alarms = Alarms() if any(link.timeout for link in chain.links) else None

    def run(self) -> NoReturn:
        """Serve, then end the process: threads that hang are not waited for."""
        inbox = Inbox(Batch)
        while (batches := receive(self._socket, inbox)) is not None:
            for batch in batches:
                self._serve(batch)
        closing = [threading.Thread(target=self._close, args=(link,), daemon=True) for link in self._chain.links]
        for thread in closing:
            thread.start()
        until = time.monotonic() + _CLOSING
        for thread in closing:
            thread.join(max(0.0, until - time.monotonic()))
        os._exit(0)

    def _serve(self, batch: Batch) -> None:
        answers: list[tuple[int, Decision]] = []
        oldest = 0.0
        for key, question in batch.questions:
            decision = self._chain.begin(question)
            if isinstance(decision, Inquiry):
                self._route(Task(key, batch.deadline, decision))
                continue
            answers.append((key, decision))
            now = time.monotonic()
            oldest = oldest or now
            if now - oldest > _OLDEST_ANSWER:
                self._answer(answers)
                answers, oldest = [], 0.0
        if answers:
            self._answer(answers)

    def _route(self, task: Task) -> None:
        """Have the backend asked whose turn it is, and see to it that its time is kept."""
        lane = self._lanes[task.inquiry.link]
        if self._alarms is not None and lane.link.timeout is not None:
            give_up = functools.partial(self._give_up, lane, task, task.turn)
            self._alarms.set(time.monotonic() + lane.link.timeout, give_up)
        lane.put(task)

    def _hear(self, task: Task, turn: int, answer: Decision) -> None:
        """Take an answer, unless that backend was given up on; send the decision, or ask the next one."""
        with self._turning:
            if task.turn != turn:
                return
            task.turn += 1
            decision = task.inquiry.hear(answer)
        if decision is None:
            self._route(task)
        else:
            self._answer([(task.key, decision)])

    def _give_up(self, lane: Lane, task: Task, turn: int) -> None:
        if task.turn == turn:
            self._hear(task, turn, lane.link.gave_up())
            if lane.is_stuck():
                self._send(Hangs(lane.link.name))

    def _log_failure(self, text: str) -> None:
        self._send(LogRecord(Level.FAILURES, text))

    def _answer(self, decisions: list[tuple[int, Decision]]) -> None:
        self._send(Answers(decisions))

    def _send(self, message: FromWorker) -> None:
        data = encode(message)
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError:
                os._exit(1)  # the front process is gone

    def _close(self, link: Link) -> None:
        try:
            link.close()
        except (BackendUnavailable, Fault, ConfigError) as error:
            self._log_failure(f"backend {link.name}: {error}")

"""A worker process: one thread reads questions, answers the quick ones, and hands the others to threads per backend."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from typing import NoReturn

from extauth.chain import Chain, Inquiry, Link
from extauth.errors import BackendUnavailable, ConfigError, Fault
from extauth.log_levels import Level
from extauth.model import Decided, Decision, Undecided
from extauth.workers.backend_logs import send_logs_to
from extauth.workers.channel import Answers, Batch, Inbox, LogRecord, encode, receive

_OLDEST_ANSWER = 0.003  # seconds that an answer waits at most for others to travel with
_CLOSING = 0.4  # seconds that backends have to disconnect
_TOO_LATE = Undecided(reason="the deadline passed before anybody was asked")


class Task:
    """An inquiry, with what its answer needs."""

    __slots__ = ("deadline", "inquiry", "key")

    def __init__(self, key: int, deadline: float, inquiry: Inquiry) -> None:
        self.key = key
        self.deadline = deadline
        self.inquiry = inquiry


class Lane:
    """One backend's own threads and queue: when it hangs, no other backend waits for it."""

    def __init__(self, link: Link, worker: Worker) -> None:
        self.link = link
        self.tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._worker = worker
        for number in range(link.threads):
            threading.Thread(target=self._run, name=f"{link.name}-{number}", daemon=True).start()

    def _run(self) -> None:
        try:
            self.link.open()
        except (BackendUnavailable, Fault, ConfigError) as error:
            self._worker.send_log(f"backend {self.link.name}: {error}")
        while True:
            self._worker.proceed(self.tasks.get())


class Worker:
    """Runs the chain for the questions that come over a socket, until that closes."""

    def __init__(self, chain: Chain, sock: socket.socket) -> None:
        self._chain = chain
        self._socket = sock
        self._sending = threading.Lock()
        send_logs_to(self._send)
        self._lanes = {link: Lane(link, self) for link in chain.links}

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

    def proceed(self, task: Task) -> None:
        """Ask the backend whose turn it is, and answer or hand the task on."""
        if time.monotonic() >= task.deadline:
            self._answer([(task.key, _TOO_LATE)])
            return
        decision = task.inquiry.ask()
        if decision is None:
            self._lanes[task.inquiry.link].tasks.put(task)
        else:
            self._answer([(task.key, decision)])

    def send_log(self, text: str) -> None:
        """Have the front process log a failure."""
        self._send(LogRecord(Level.FAILURES, text))

    def _serve(self, batch: Batch) -> None:
        answers: list[tuple[int, Decision]] = []
        oldest = 0.0
        for key, question in batch.questions:
            inquiry = self._chain.begin(question)
            decision = inquiry if isinstance(inquiry, Decided) else self._quickly(inquiry)
            if decision is not None:
                answers.append((key, decision))
                now = time.monotonic()
                oldest = oldest or now
                if now - oldest > _OLDEST_ANSWER:
                    self._answer(answers)
                    answers, oldest = [], 0.0
            elif isinstance(inquiry, Inquiry):
                self._lanes[inquiry.link].tasks.put(Task(key, batch.deadline, inquiry))
        if answers:
            self._answer(answers)

    @staticmethod
    def _quickly(inquiry: Inquiry) -> Decision | None:
        """The decision, as far along the chain as the backends are quick."""
        try:
            while inquiry.link.is_quick(inquiry.question):
                decision = inquiry.ask()
                if decision is not None:
                    return decision
        except (BackendUnavailable, Fault, ConfigError):
            return None  # its thread will say so
        return None

    def _answer(self, decisions: list[tuple[int, Decision]]) -> None:
        self._send(Answers(decisions))

    def _send(self, message: Answers | LogRecord) -> None:
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
            self.send_log(f"backend {link.name}: {error}")

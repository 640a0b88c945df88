"""One backend's own threads and queue in a worker: when it hangs, no other backend waits for it.

In the queue accounts take turns: when somebody guesses at one, no other one waits for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

from extauth.chain import ConfiguredBackend
from extauth.errors import BackendUnavailable, ConfigError, UnexpectedError
from extauth.model import Account, FailureResult, Result
from extauth.workers.critical_thread import start_critical_thread
from extauth.workers.fair_queue import FairQueue
from extauth.workers.result_batcher import AT_ONCE
from extauth.workers.task import WorkerRequest

STUCK_AFTER = 10.0  # seconds over its timeout that every thread's call must last
_TOO_LATE = FailureResult(reason="the deadline passed before anybody was asked")


Tasks = FairQueue[Account, tuple[WorkerRequest, int]]
Heard = Callable[[WorkerRequest, int, Result, int], None]


class BackendThreads:
    """Asks one backend. `heard(task, turn, answer, more)` is told what it says, `fails` why it cannot be opened.

    `more`: how many answers will follow at once, as far as one can know.
    """

    def __init__(
        self, link: ConfiguredBackend, heard: Heard, fails: Callable[[str], None], tasks: Tasks | None = None
    ) -> None:
        self.link = link
        self._heard = heard
        self._fails = fails
        self._tasks = FairQueue() if tasks is None else tasks
        self._pace = AT_ONCE  # seconds that an answer takes
        self._calls: dict[int, float] = {}  # number of the thread -> since when it has been in the backend's code
        for number in range(link.threads):
            start_critical_thread(f"{link.name}-{number}", fails, self._run, number)

    def put(self, task: WorkerRequest) -> None:
        """Have the backend asked when its account's turn comes."""
        self._tasks.put(task.inquiry.question.account, (task, task.turn))

    @property
    def more(self) -> int:
        """How many accounts' requests wait in it, where it answers so fast that one answer follows another at once."""
        return self._tasks.waiting if self._pace < AT_ONCE else 0

    def is_stuck(self) -> bool:
        """Whether every thread is in a call that should long be over."""
        over = time.monotonic() - (self.link.timeout or 0.0) - STUCK_AFTER
        calls = list(self._calls.values())
        return len(calls) == self.link.threads and max(calls) < over

    def _run(self, number: int) -> None:
        if number == 0 and self.link.is_loaded:
            try:
                self.link.open()
            except (BackendUnavailable, UnexpectedError, ConfigError) as error:
                self._fails(f"backend {self.link.name}: {error}")
        self._serve(number)

    def _serve(self, number: int) -> NoReturn:
        """Ask about one after the other."""
        while True:
            if not self._tasks.waiting:
                self._rest()
            task, turn = self._tasks.get()
            if self._is_wanted(task, turn):
                self._ask(number, task, turn)

    def _is_wanted(self, task: WorkerRequest, turn: int) -> bool:
        """Whether anybody waits for it still; it is answered here where its time is over."""
        if task.turn != turn:
            return False  # given up on while it waited
        if time.monotonic() >= task.deadline:
            self._heard(task, turn, _TOO_LATE, self.more)
            return False
        return True

    def _ask(self, number: int, task: WorkerRequest, turn: int) -> None:
        self._calls[number] = began = time.monotonic()
        answer = self.link.ask(task.inquiry.question)
        del self._calls[number]
        self._hear(task, turn, began, answer)

    def _hear(self, task: WorkerRequest, turn: int, since: float, answer: Result) -> None:
        """Pass an answer on, which was the next one to come `since` then (monotonic seconds)."""
        self._pace += (time.monotonic() - since - self._pace) / 8  # that it had to wait for a core once says little
        self._heard(task, turn, answer, self.more)

    def _rest(self) -> None:
        try:
            self.link.rest()
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            self._fails(f"backend {self.link.name}: {error}")

"""One backend's own threads and queue in a worker: when it hangs, no other backend waits for it.

In the queue accounts take turns: when somebody guesses at one, no other one waits for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from extauth.chain import Inquiry, Link
from extauth.errors import BackendUnavailable, ConfigError, Fault
from extauth.model import Account, Decision, Undecided
from extauth.workers.fair_queue import FairQueue
from extauth.workers.outbox import OLDEST

_STUCK_AFTER = 10.0  # seconds over its timeout that every thread's call must last
_TOO_LATE = Undecided(reason="the deadline passed before anybody was asked")


class Task:
    """An inquiry on its way: its key, its deadline (monotonic seconds), and whose turn it is, counted from 0."""

    __slots__ = ("deadline", "inquiry", "key", "turn")

    def __init__(self, key: int, deadline: float, inquiry: Inquiry) -> None:
        self.key = key
        self.deadline = deadline
        self.inquiry = inquiry
        self.turn = 0


Heard = Callable[[Task, int, Decision, bool], None]


class Lane:
    """Asks one backend. `heard(task, turn, answer, more)` is told what it says, `fails` why it cannot be opened.

    `more`: the next answer will follow at once, as far as one can know.
    """

    def __init__(self, link: Link, heard: Heard, fails: Callable[[str], None]) -> None:
        self.link = link
        self._heard = heard
        self._fails = fails
        self._tasks: FairQueue[Account, tuple[Task, int]] = FairQueue()
        self._is_brisk = False
        self._calls: dict[int, float] = {}  # number of the thread -> since when it has been in the backend's code
        for number in range(link.threads):
            threading.Thread(target=self._run, args=(number,), name=f"{link.name}-{number}", daemon=True).start()

    def put(self, task: Task) -> None:
        """Have the backend asked when its account's turn comes."""
        self._tasks.put(task.inquiry.question.account, (task, task.turn))

    @property
    def has_more(self) -> bool:
        """Whether requests wait in it, and it answers so fast that the next answer will follow at once."""
        return self._is_brisk and not self._tasks.is_empty()

    def is_stuck(self) -> bool:
        """Whether every thread is in a call that should long be over."""
        over = time.monotonic() - (self.link.timeout or 0.0) - _STUCK_AFTER
        calls = list(self._calls.values())
        return len(calls) == self.link.threads and max(calls) < over

    def _run(self, number: int) -> None:
        if number == 0 and self.link.is_loaded:
            try:
                self.link.open()
            except (BackendUnavailable, Fault, ConfigError) as error:
                self._fails(f"backend {self.link.name}: {error}")
        while True:
            if self._tasks.is_empty():
                self._rest()
            task, turn = self._tasks.get()
            if task.turn != turn:
                continue  # given up on while it waited
            if time.monotonic() >= task.deadline:
                self._heard(task, turn, _TOO_LATE, self.has_more)
                continue
            self._calls[number] = began = time.monotonic()
            answer = self.link.ask(task.inquiry.question)
            del self._calls[number]
            self._is_brisk = time.monotonic() - began < OLDEST
            self._heard(task, turn, answer, self.has_more)

    def _rest(self) -> None:
        try:
            self.link.rest()
        except (BackendUnavailable, Fault, ConfigError) as error:
            self._fails(f"backend {self.link.name}: {error}")

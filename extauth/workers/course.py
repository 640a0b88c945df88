"""A check that has been begun and waits for somebody, among others that do."""

from __future__ import annotations

import time

from extauth.backends.steps import Steps, Wait, readable
from extauth.model import Result
from extauth.workers.task import WorkerRequest


class SteppedRequest:
    """A task that has been begun: the steps that are left, and what they wait for (times in monotonic seconds).

    From `over` on nobody waits for it any more.
    """

    __slots__ = ("began", "fileno", "over", "steps", "task", "turn", "until")

    def __init__(self, task: WorkerRequest, turn: int, began: float, over: float, steps: Steps[Result]) -> None:
        self.task = task
        self.turn = turn
        self.began = began
        self.over = over
        self.steps = steps
        self.fileno = -1
        self.until = began

    def waits_for(self, wait: Wait) -> None:
        """It cannot go on before that, or its time is over."""
        self.fileno = wait.fileno
        self.until = min(wait.until, self.over)


def ready(courses: list[SteppedRequest], *signals: int) -> list[SteppedRequest]:
    """Those that can go on, or have to, after waiting for the first, or for a signal that can be read."""
    filenos = [course.fileno for course in courses]
    found = readable([*filenos, *signals], min([course.until for course in courses], default=None))
    now = time.monotonic()
    return [course for course in courses if course.fileno in found or now >= course.until]

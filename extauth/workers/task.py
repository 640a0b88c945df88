"""An inquiry on its way through a worker."""

from __future__ import annotations

from extauth.chain import ChainRun


class WorkerRequest:
    """An inquiry on its way: its key, its deadline (monotonic seconds), and whose turn it is, counted from 0.

    `until` then that one's answer is waited for.
    """

    __slots__ = ("deadline", "inquiry", "key", "turn", "until")

    def __init__(self, key: int, deadline: float, inquiry: ChainRun) -> None:
        self.key = key
        self.deadline = self.until = deadline
        self.inquiry = inquiry
        self.turn = 0

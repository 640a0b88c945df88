"""The start of workers: how many, what a new one shares with the frontend, and pauses after early deaths."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

from extauth.chain.call_marks import CallMarks
from extauth.frontend import timeouts
from extauth.frontend.log import Log
from extauth.frontend.states import WorkerState
from extauth.frontend.worker_handle import WorkerHandle
from extauth.log_levels import Level
from extauth.workers.messages import WorkerCommand

SendCommand = Callable[..., None]
"""Commands the supervisor: takes a WorkerCommand and the descriptors that go along."""

_MAX_EXTRA = 64  # workers beyond `helper.workers`: spares, isolated ones, and retired ones with requests
_MAX_SPARES = 8


class WorkerStarter:
    """Lets the supervisor fork workers. After each failure it pauses twice as long as after the last one."""

    def __init__(self, log: Log, send_command: SendCommand) -> None:
        self._log = log
        self._send_command = send_command
        self._last_number = 0
        self._pause = 0.0
        self._next_start = 0.0

    def start(self, now: float) -> tuple[WorkerHandle, socket.socket] | None:
        """Start a worker. Return it with the socket to it; None during a pause, or if it cannot be started."""
        if now < self._next_start:
            return None
        with contextlib.ExitStack() as opened:
            try:
                memory = CallMarks.create_memory()
                opened.callback(os.close, memory)
                marks = CallMarks(memory)
                ours, theirs = socket.socketpair()
            except OSError as error:
                self.pause(f"cannot start a worker: {error.strerror}")
                return None
            opened.enter_context(theirs)
            self._last_number += 1
            self._send_command(WorkerCommand(kill=False, worker=self._last_number), theirs.fileno(), memory)
        return WorkerHandle(self._last_number, marks), ours

    def pause(self, why: str) -> None:
        """Start the next worker after a pause. Log `why`."""
        self._pause = min(timeouts.LONGEST_PAUSE, self._pause * 2 or timeouts.FIRST_PAUSE)
        self._next_start = time.monotonic() + self._pause
        self._log.write(Level.FAILURES, f"{why}; the next worker starts in {self._pause:.1f} s")

    def end_pauses(self) -> None:
        """A worker is ready: the next pause is short again."""
        self._pause = 0.0


class WorkerScaler:
    """Keeps enough of these workers. `start` starts one more; it returns False if that is not possible now."""

    def __init__(self, workers: Mapping[int, WorkerHandle], start: Callable[[float], bool]) -> None:
        self._workers = workers
        self._start = start
        self._trouble_at = 0.0  # when more workers than usual were needed last

    def in_state(self, state: WorkerState) -> list[WorkerHandle]:
        """Return the workers in this state."""
        return [worker for worker in self._workers.values() if worker.state is state]

    def maintain(self, count: int, suspects: int, now: float) -> None:
        """Have `count` workers serve, and as many spares as needed: one, and one for each of the `suspects`."""
        serving = self.in_state(WorkerState.SERVING)
        silent = sum(worker.silent_for(now) >= timeouts.MOVE for worker in serving)
        responsive = len(serving) - silent
        while responsive < count and self.promote_spare():
            responsive += 1
        isolated = len(self.in_state(WorkerState.ISOLATED))
        spares = self.in_state(WorkerState.SPARE)
        wanted = max(0, count - responsive) + max(1, min(1 + suspects, _MAX_SPARES - isolated))
        coming = len(self.in_state(WorkerState.STARTING)) + len(spares)
        while coming < wanted and len(self._workers) < count + _MAX_EXTRA and self._start(now):
            coming += 1
        if silent or isolated or suspects:
            self._trouble_at = now
        elif now - self._trouble_at > timeouts.SURPLUS:
            self._stop_surplus(serving[count:] + spares[1:])

    def promote_spare(self) -> list[WorkerHandle]:
        """Let a spare worker serve. Return it, or an empty list without spares."""
        for worker in self.in_state(WorkerState.SPARE):
            worker.change(WorkerState.SERVING)
            return [worker]
        return []

    def _stop_surplus(self, workers: list[WorkerHandle]) -> None:
        """Stop workers that were needed only while others were silent or died, if they have no requests."""
        for worker in workers:
            if not len(worker):
                worker.change(WorkerState.RETIRED)

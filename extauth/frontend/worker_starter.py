"""The start of workers: what a new one shares with the frontend, and pauses after workers that died early."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from extauth.chain.call_marks import CallMarks
from extauth.frontend import timeouts
from extauth.frontend.log import Log
from extauth.frontend.worker_handle import WorkerHandle
from extauth.log_levels import Level
from extauth.workers.messages import WorkerCommand

SendCommand = Callable[..., None]
"""Commands the supervisor: takes a WorkerCommand and the descriptors that go along."""


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

"""The connection to the status server: snapshots go there, and requests of administrators come from there.

If the status server dies or hangs, another one is started, with growing pauses. Nothing waits for it.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable

import msgspec

from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.frontend.side_process import SideProcess
from extauth.log_levels import Level
from extauth.workers.messages import encode
from extauth.workers.status_messages import (
    FromStatusServer,
    ReloadWanted,
    Snapshot,
    SnapshotTaken,
    StatusNotice,
    StatusSettings,
    StatusWanted,
    ToStatusServer,
    VerifyWanted,
    start_status_server,
)

_FIRST_START = 0.2  # seconds from the first call of `maintain`: a fork would delay the first replies
_INTERVAL = 1.0  # seconds between two snapshots, if something has changed
_IDLE_INTERVAL = 5.0  # seconds between two snapshots in any case: the answer shows that the status server works
_HANGS_AFTER = 5.0  # seconds without an answer
_LEAVE_WITHIN = 2.0  # seconds for the status server of an old configuration to remove its files

SendAnswer = Callable[[ToStatusServer], None]
"""Sends an answer to the status server that has asked; does nothing if that one is gone."""


class StatusConnection:
    """Starts a status server with the given settings and talks to it.

    `snapshot` returns a new one. `on_request` takes what an administrator wants, and a function that sends the answer.
    """

    def __init__(
        self,
        poller: Poller,
        log: Log,
        snapshot: Callable[[], Snapshot],
        on_request: Callable[[ReloadWanted | VerifyWanted, SendAnswer], None],
    ) -> None:
        self._log = log
        self._snapshot = snapshot
        self._on_request = on_request
        self._settings: StatusSettings | None = None
        self._first_start: float | None = None  # monotonic seconds
        self._last: Snapshot | None = None
        self._next_snapshot = 0.0
        self._unanswered = 0  # snapshots
        self._answered_at = 0.0
        self._server = SideProcess(
            "the status server",
            poller,
            FromStatusServer,
            functools.partial(log.write, Level.FAILURES),
            self._handle,
            on_start=self._begin,
            starts_alone=True,
        )

    @property
    def processes(self) -> set[int]:
        """The process ids of all status servers that have not been reaped."""
        return self._server.processes

    def configure(self, settings: StatusSettings) -> None:
        """Use these settings from now on, by a new status server if they differ."""
        if settings != self._settings:
            self._settings = settings
            self._server.use(functools.partial(start_status_server, settings), leave_within=_LEAVE_WITHIN)

    def maintain(self) -> None:
        """Start a status server if it is time, and send it a snapshot. Call it often while requests are served."""
        now = time.monotonic()
        if self._first_start is None:
            self._first_start = now + _FIRST_START
        if now < self._first_start:
            return
        self._server.maintain()
        if not self._server.is_running:
            return
        if self._unanswered and now - self._answered_at > _HANGS_AFTER:
            self._server.replace("hangs")
        elif not self._unanswered and now >= self._next_snapshot:
            self._next_snapshot = now + _INTERVAL
            snapshot = self._snapshot()
            last = self._last
            is_due = last is None or now - last.now >= _IDLE_INTERVAL
            if is_due or (last is not None and msgspec.structs.replace(snapshot, now=last.now) != last):
                self._send_snapshot(snapshot)

    def end(self) -> bool:
        """Let the status server remove its files and end. Return True when it has; call it again until then."""
        self._settings = None
        self._server.use(None, leave_within=math.inf)
        return self._server.finish()

    def _begin(self) -> None:
        self._unanswered, self._next_snapshot = 0, 0.0
        self._send_snapshot(self._snapshot())

    def _send_snapshot(self, snapshot: Snapshot) -> None:
        if not self._unanswered:
            self._answered_at = snapshot.now
        self._unanswered += 1
        self._last = snapshot
        self._server.send(encode(snapshot))

    def _send_to(self, pid: int | None, message: ToStatusServer) -> None:
        """Send a message to this status server. Another one would give it to the wrong client."""
        if pid == self._server.pid:
            self._server.send(encode(message))

    def _handle(self, message: FromStatusServer) -> None:
        if isinstance(message, SnapshotTaken):
            self._unanswered -= 1
            self._answered_at = time.monotonic()
        elif isinstance(message, StatusWanted):
            self._send_snapshot(self._snapshot())
        elif isinstance(message, StatusNotice):
            self._log.write(Level.FAILURES if message.is_problem else Level.MAJOR, message.text)
        else:
            self._on_request(message, functools.partial(self._send_to, self._server.pid))

"""The connection to the status server: snapshots go there, and requests of administrators come from there.

If the status server dies or hangs, another one is started, with growing pauses. Nothing waits for it.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable

import msgspec

from extauth.frontend.children import EndingChildren, RestartPause, forget_in_children
from extauth.frontend.descriptors import READ, WRITE, Poller
from extauth.frontend.log import Log
from extauth.log_levels import Level
from extauth.workers.child_process import ChildProcess
from extauth.workers.messages import InvalidMessage, MessageReader, encode, receive
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
)
from extauth.workers.status_server import start_status_server

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
        self._poller = poller
        self._log = log
        self._snapshot = snapshot
        self._on_request = on_request
        self._settings: StatusSettings | None = None
        self._server: ChildProcess | None = None
        self._reader = _new_reader()
        self._unsent = bytearray()
        self._pause = RestartPause()
        self._ending = EndingChildren()
        self._last: Snapshot | None = None
        self._next_snapshot = 0.0
        self._unanswered = 0  # snapshots
        self._answered_at = 0.0
        forget_in_children(self)

    def forget(self) -> None:
        """Release everything, in a process that was forked from this one: messages contain passwords."""
        vars(self).clear()

    @property
    def processes(self) -> set[int]:
        """The process ids of all status servers that have not been reaped."""
        return {*self._ending.processes, *([self._server.pid] if self._server is not None else [])}

    def configure(self, settings: StatusSettings) -> None:
        """Use these settings from now on, by a new status server if they differ."""
        if settings != self._settings:
            self._settings = settings
            self._close(kill_at=time.monotonic() + _LEAVE_WITHIN)

    def maintain(self) -> None:
        """Start a status server if it is time, and send it a snapshot. Call this at intervals."""
        now = time.monotonic()
        self._ending.reap(now)
        if self._server is None:
            if self._settings is not None and not self._ending.processes and self._pause.is_over():
                self._start(self._settings)
        elif self._unanswered and now - self._answered_at > _HANGS_AFTER:
            self._replace("hangs")
        elif not self._unanswered and now >= self._next_snapshot:
            self._next_snapshot = now + _INTERVAL
            snapshot = self._snapshot()
            last = self._last
            is_due = last is None or now - last.now >= _IDLE_INTERVAL
            if is_due or (last is not None and msgspec.structs.replace(snapshot, now=last.now) != last):
                self._send_snapshot(snapshot)

    def _send(self, server: ChildProcess | None, message: ToStatusServer) -> None:
        """Send a message as soon as this status server takes it. Another one would give it to the wrong client."""
        if server is not None and server is self._server:
            self._unsent += encode(message)
            self._flush(server)

    def end(self) -> bool:
        """Let the status server remove its files and end. Return True when it has; call it again until then."""
        self._settings = None
        self._close(kill_at=float("inf"))
        self._ending.reap(time.monotonic())
        return not self._ending.processes

    def _send_snapshot(self, snapshot: Snapshot) -> None:
        if not self._unanswered:
            self._answered_at = snapshot.now
        self._unanswered += 1
        self._last = snapshot
        self._send(self._server, snapshot)

    def _flush(self, server: ChildProcess) -> None:
        """Send as much as the socket takes. The poller calls again when it takes more."""
        with contextlib.suppress(OSError):  # its buffer is full; or it has ended, which the poller notices
            del self._unsent[: server.socket.send(self._unsent)]
        self._poller.register(server.socket.fileno(), READ | WRITE if self._unsent else READ, self._on_events)

    def _start(self, settings: StatusSettings) -> None:
        try:
            self._server = start_status_server(settings)
        except OSError as error:
            seconds = self._pause.begin()
            self._log.write(
                Level.FAILURES, f"cannot start the status server: {error.strerror}; the next try is in {seconds:g} s"
            )
            return
        self._pause.has_started()
        self._reader, self._last, self._unanswered, self._next_snapshot = _new_reader(), None, 0, 0.0
        self._server.socket.setblocking(False)
        self._send_snapshot(self._snapshot())

    def _replace(self, why: str) -> None:
        seconds = self._pause.begin()
        self._log.write(Level.FAILURES, f"the status server {why}; another one starts in {seconds:g} s")
        self._close(kill_at=0.0)

    def _close(self, *, kill_at: float) -> None:
        if self._server is not None:
            self._poller.unregister(self._server.socket.fileno())
            self._server.socket.close()
            self._ending.add(self._server.pid, kill_at=kill_at)
            self._server = None
            self._unsent.clear()

    def _on_events(self, events: int) -> None:
        if self._server is None:
            return
        if events & WRITE:
            self._flush(self._server)
        if events & ~WRITE:
            self._receive(self._server)

    def _receive(self, server: ChildProcess) -> None:
        try:
            messages = receive(server.socket, self._reader)
        except InvalidMessage:
            messages = None
        for message in messages or ():
            self._handle(message)
        if messages is None:
            self._replace("died")

    def _handle(self, message: FromStatusServer) -> None:
        if isinstance(message, SnapshotTaken):
            self._unanswered -= 1
            self._answered_at = time.monotonic()
        elif isinstance(message, StatusWanted):
            self._send_snapshot(self._snapshot())
        elif isinstance(message, StatusNotice):
            self._log.write(Level.FAILURES if message.is_problem else Level.MAJOR, message.text)
        else:
            self._on_request(message, functools.partial(self._send, self._server))


def _new_reader() -> MessageReader[FromStatusServer]:
    return MessageReader(FromStatusServer)  # type: ignore[arg-type]  # a union

"""The connection to the handover process: passwords of successful logins go there, the outcomes come back.

A password is sent after the reply to its login was written. Nothing waits for the process. If it dies, another one is
started, with growing pauses.
"""

from __future__ import annotations

import contextlib
import socket
import time

from extauth.frontend.children import EndingChildren, RestartPause, forget_in_children
from extauth.frontend.descriptors import READ, WRITE, Poller
from extauth.frontend.handovers import Handovers
from extauth.frontend.log import Log
from extauth.log_levels import Level
from extauth.workers.child_process import ChildProcess
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.handover import FromHandover, HandoverConfig, HandoverDone, start_handover
from extauth.workers.messages import InvalidMessage, MessageReader, encode, receive

_SWITCH_WITHIN = 5.0  # seconds from a reload until passwords that were sent under the old configuration are lost


class HandoverConnection:
    """Starts a handover process if there is a `[handover]` section, and talks to it."""

    def __init__(self, poller: Poller, log: Log, handovers: Handovers) -> None:
        self._poller = poller
        self._log = log
        self._handovers = handovers
        self._config: HandoverConfig | None = None
        self._wanted: HandoverConfig | None = None
        self._switch_at = 0.0  # monotonic seconds
        self._process: ChildProcess | None = None
        self._reader = _new_reader()
        self._unsent = bytearray()
        self._pause = RestartPause()
        self._ending = EndingChildren()
        self._is_last = False
        forget_in_children(self)

    def forget(self) -> None:
        """Release everything, in a process that was forked from this one: messages contain passwords."""
        vars(self).clear()

    @property
    def processes(self) -> set[int]:
        """The process ids of all handover processes that have not been reaped."""
        return {*self._ending.processes, *([self._process.pid] if self._process is not None else [])}

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration. If it has changed, the process may first set the passwords that it has."""
        wanted = None
        if config.handover is not None and config.mail_server is not None:
            wanted = HandoverConfig(config.handover, config.mail_server, config.helper.allow_unsafe_files)
        if wanted != self._wanted:
            self._wanted, self._switch_at = wanted, time.monotonic() + _SWITCH_WITHIN
            self.maintain()

    def maintain(self) -> None:
        """Start a process if it is time. Call it at intervals."""
        now = time.monotonic()
        self._ending.reap(now)
        if self._wanted != self._config and (now >= self._switch_at or not self._handovers.has_sent):
            self._config = self._wanted
            self._close()
        if self._process is None and self._config is not None and self._pause.is_over():
            self._start(self._config)

    def send(self) -> None:
        """Send the passwords that wait. Call it when all replies are written, and only then."""
        if self._process is None or self._wanted != self._config:
            return
        if handovers := self._handovers.take():
            self._unsent += b"".join(map(encode, handovers))
            self._flush(self._process)

    def end(self) -> bool:
        """Let the process set the passwords that it has, and end. Return True when it has; call it until then."""
        self._config = self._wanted = None
        if self._process is not None and not self._unsent and not self._is_last:
            self._is_last = True
            with contextlib.suppress(OSError):
                self._process.socket.shutdown(socket.SHUT_WR)
        self._ending.reap(time.monotonic())
        return self._process is None and not self._ending.processes

    def close(self) -> None:
        """Say what is lost. The frontend kills the process with its other children."""
        self._close()
        self._handovers.lose_waiting()

    def _flush(self, process: ChildProcess) -> None:
        """Send as much as the socket takes. The poller calls again when it takes more."""
        with contextlib.suppress(OSError):  # its buffer is full; or it has ended, which the poller notices
            del self._unsent[: process.socket.send(self._unsent)]
        self._poller.register(process.socket.fileno(), READ | WRITE if self._unsent else READ, self._on_events)

    def _start(self, config: HandoverConfig) -> None:
        try:
            self._process = start_handover(config)
        except OSError as error:
            seconds = self._pause.begin()
            why = f"handover: cannot start its process: {error.strerror}; the next try is in {seconds:g} s"
            self._log.write(Level.FAILURES, why)
            return
        self._pause.has_started()
        self._reader = _new_reader()
        self._process.socket.setblocking(False)
        self._poller.register(self._process.socket.fileno(), READ, self._on_events)

    def _close(self) -> None:
        """Close the connection. The passwords that the process has are lost; they are set after later logins."""
        if self._process is not None:
            self._poller.unregister(self._process.socket.fileno())
            self._process.socket.close()
            self._ending.add(self._process.pid, kill_at=0.0)
            self._process = None
            self._unsent.clear()
        self._handovers.lose_sent()

    def _on_events(self, events: int) -> None:
        if self._process is None:
            return
        if events & WRITE:
            self._flush(self._process)
        if events & ~WRITE:
            self._receive(self._process)

    def _receive(self, process: ChildProcess) -> None:
        try:
            messages = receive(process.socket, self._reader)
        except InvalidMessage:
            messages = None
        for message in messages or ():
            if isinstance(message, HandoverDone):
                self._handovers.finish(message.key, message.problem)
            elif message.problem:
                self._log.write(Level.FAILURES, f"handover: cannot set passwords now, trying again: {message.problem}")
            else:
                self._log.write(Level.MAJOR, "handover: the mail server accepts passwords again")
        if messages is None:
            if not self._is_last:
                seconds = self._pause.begin()
                self._log.write(Level.FAILURES, f"handover: its process died; another one starts in {seconds:g} s")
            self._close()


def _new_reader() -> MessageReader[FromHandover]:
    return MessageReader(FromHandover)  # type: ignore[arg-type]  # a union

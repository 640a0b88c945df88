"""The connection to the failure counter: wrong passwords go there, the counts of all helpers come back.

If there is no counter, or its storage fails, the throttle goes on with this helper's own counts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from extauth.config import ThrottleSettings
from extauth.frontend.descriptors import READ, Poller
from extauth.frontend.log import Log
from extauth.frontend.throttle import Throttle
from extauth.log_levels import Level
from extauth.workers.child_process import ChildProcess
from extauth.workers.failure_counter import (
    FailureCount,
    FromCounter,
    NewFailure,
    start_failure_counter,
)
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import InvalidMessage, MessageReader, encode, receive

_PAUSE = 5.0  # seconds from the death of a counter to the next start


class SharedCounts:
    """Starts a failure counter if `throttle.storage` is set, and passes on what the throttle counts."""

    def __init__(self, poller: Poller, log: Log, throttle: Throttle) -> None:
        self._poller = poller
        self._log = log
        self._throttle = throttle
        self._settings: ThrottleSettings | None = None
        self._allow_unsafe = False
        self._counter: ChildProcess | None = None
        self._reader = _new_reader()
        self._start_at = 0.0

    @property
    def processes(self) -> set[int]:
        """The process id of the counter, if there is one."""
        return set() if self._counter is None else {self._counter.pid}

    def configure(self, config: FrontendConfig) -> None:
        """Use these settings."""
        settings = config.throttle if config.throttle is not None and config.throttle.storage else None
        if settings == self._settings:
            return
        self.close()
        self._settings, self._allow_unsafe, self._start_at = settings, config.helper.allow_unsafe_files, 0.0

    def maintain(self) -> None:
        """Start a counter if it is time, and send it what is new. Call it at intervals."""
        failures = self._throttle.new_failures
        now = time.monotonic()
        if self._settings is not None and self._counter is None and now >= self._start_at:
            self._start(self._settings)
        while failures and self._counter is not None:
            message = encode(NewFailure(failures[0]))
            try:
                if self._counter.socket.send(message) < len(message):
                    self._end("does not read")  # a part of a message is of no use
            except BlockingIOError:
                break  # the storage is slow; meanwhile this helper's own counts are enough
            except OSError:
                self._end("died")
            else:
                failures.popleft()
        failures.clear()

    def close(self) -> None:
        """End the counter."""
        if self._counter is not None:
            self._poller.unregister(self._counter.socket.fileno())
            self._counter.socket.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._counter.pid, signal.SIGKILL)
            self._counter = None  # the frontend reaps it with its other children

    def _start(self, settings: ThrottleSettings) -> None:
        try:
            self._counter = start_failure_counter(settings, self._allow_unsafe)
        except OSError as error:
            self._log.write(Level.FAILURES, f"throttle: cannot start the failure counter: {error.strerror}")
            self._start_at = time.monotonic() + _PAUSE
            return
        self._reader = _new_reader()
        self._counter.socket.setblocking(False)
        self._poller.register(self._counter.socket.fileno(), READ, self._on_events)

    def _end(self, why: str) -> None:
        self._log.write(Level.FAILURES, f"throttle: the failure counter {why}; another one starts in {_PAUSE:g} s")
        self.close()
        self._start_at = time.monotonic() + _PAUSE

    def _on_events(self, events: int) -> None:
        assert self._counter is not None
        try:
            messages = receive(self._counter.socket, self._reader)
        except InvalidMessage:
            messages = None
        for message in messages or ():
            if isinstance(message, FailureCount):
                self._throttle.set_shared_count(message.account, message.count, time.monotonic())
            elif message.problem:
                storage = f"throttle.storage = {self._settings.storage if self._settings else ''}"
                why = f"{storage}: cannot be used: {message.problem}; this helper counts alone"
                self._log.write(Level.FAILURES, f"throttle: {why}")
            else:
                self._log.write(Level.MAJOR, "throttle: the storage works again")
        if messages is None:
            self._end("died")


def _new_reader() -> MessageReader[FromCounter]:
    return MessageReader(FromCounter)  # type: ignore[arg-type]  # a union

"""The connection to the failure counter: wrong passwords go there, the counts of all helpers come back.

If there is no counter, or its storage fails, the throttle goes on with this helper's own counts.
"""

from __future__ import annotations

import functools
import time

from extauth.config import ThrottleSettings
from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.frontend.side_process import SideProcess
from extauth.frontend.throttle import Throttle
from extauth.log_levels import Level
from extauth.workers.failure_counter import (
    FailureCount,
    FromCounter,
    NewFailure,
    start_failure_counter,
)
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import encode


class SharedCounts:
    """Starts a failure counter if `throttle.storage` is set, and passes on what the throttle counts."""

    def __init__(self, poller: Poller, log: Log, throttle: Throttle) -> None:
        self._log = log
        self._throttle = throttle
        self._settings: ThrottleSettings | None = None
        self._counter = SideProcess(
            "the failure counter",
            poller,
            FromCounter,
            lambda text: log.write(Level.FAILURES, f"throttle: {text}"),
            self._handle,
        )

    @property
    def processes(self) -> set[int]:
        """The process ids of counters."""
        return self._counter.processes

    def configure(self, config: FrontendConfig) -> None:
        """Use these settings."""
        settings = config.throttle if config.throttle is not None and config.throttle.storage else None
        if settings != self._settings:
            self._settings = settings
            allow_unsafe = config.helper.allow_unsafe_files
            start = None if settings is None else functools.partial(start_failure_counter, settings, allow_unsafe)
            self._counter.use(start)

    def maintain(self) -> None:
        """Start a counter if it is time, and send it what is new. Call it at intervals."""
        self._counter.maintain()
        failures = self._throttle.new_failures
        while failures and not self._counter.unsent_bytes:  # otherwise the storage is slow: the own counts are enough
            self._counter.send(encode(NewFailure(failures.popleft())))
        failures.clear()

    def close(self) -> None:
        """End the counter."""
        self._counter.use(None)

    def _handle(self, message: FromCounter) -> None:
        if isinstance(message, FailureCount):
            self._throttle.set_shared_count(message.account, message.count, time.monotonic())
        elif message.problem:
            storage = f"throttle.storage = {self._settings.storage if self._settings else ''}"
            why = f"{storage}: cannot be used: {message.problem}; this helper counts alone"
            self._log.write(Level.FAILURES, f"throttle: {why}")
        else:
            self._log.write(Level.MAJOR, "throttle: the storage works again")

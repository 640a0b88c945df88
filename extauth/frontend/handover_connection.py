"""The connection to the handover process: passwords of successful logins go there, the outcomes come back.

A password is sent after the reply to its login was written. Nothing waits for the process.
"""

from __future__ import annotations

import functools
import time

from extauth.frontend.descriptors import Poller
from extauth.frontend.handovers import Handovers
from extauth.frontend.log import Log
from extauth.frontend.side_process import SideProcess
from extauth.log_levels import Level
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.handover import FromHandover, HandoverConfig, HandoverDone, start_handover
from extauth.workers.messages import encode

_SWITCH_WITHIN = 5.0  # seconds from a reload until passwords without an outcome are sent under the new configuration


class HandoverConnection:
    """Starts a handover process if there is a `[handover]` section, and talks to it."""

    def __init__(self, poller: Poller, log: Log, handovers: Handovers) -> None:
        self._log = log
        self._handovers = handovers
        self._config: HandoverConfig | None = None
        self._wanted: HandoverConfig | None = None
        self._switch_at = 0.0  # monotonic seconds
        self._process = SideProcess(
            "its process",
            poller,
            FromHandover,
            lambda text: log.write(Level.FAILURES, f"handover: {text}"),
            self._handle,
            on_end=handovers.take_back,
        )

    @property
    def processes(self) -> set[int]:
        """The process ids of all handover processes that have not been reaped."""
        return self._process.processes

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
        if self._wanted != self._config and (time.monotonic() >= self._switch_at or not self._handovers.has_sent):
            self._config = self._wanted
            self._process.use(None if self._config is None else functools.partial(start_handover, self._config))
        self._process.maintain()

    def send(self) -> None:
        """Send the passwords that wait. Call it when all replies are written, and only then."""
        if self._process.is_running and self._wanted == self._config and (handovers := self._handovers.take()):
            self._process.send(b"".join(map(encode, handovers)))

    def end(self) -> bool:
        """Let the process set the passwords that it has, and end. Return True when it has; call it until then."""
        self._config = self._wanted = None
        return self._process.finish()

    def close(self) -> None:
        """Say what is lost. The frontend kills the process with its other children."""
        self._process.use(None)
        self._handovers.lose_waiting()

    def _handle(self, message: FromHandover) -> None:
        if isinstance(message, HandoverDone):
            self._handovers.finish(message.key, message.problem)
        elif message.problem:
            self._log.write(Level.FAILURES, f"handover: cannot set passwords now, trying again: {message.problem}")
        else:
            self._log.write(Level.MAJOR, "handover: the mail server accepts passwords again")

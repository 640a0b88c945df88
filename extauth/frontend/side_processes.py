"""The frontend's processes beside the generations and the log writer: it waits for none of them.

What talks to such a process is imported when the process is first needed. Before the first reply, each module counts.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.frontend.request_handler import RequestHandler
from extauth.frontend.states import FrontendState
from extauth.frontend.worker_pool import WorkerPool
from extauth.workers.frontend_config import FrontendConfig

_FIRST_START = 0.2  # seconds for which requests have been served: a fork would delay the first replies

if TYPE_CHECKING:
    from extauth.frontend.administration import Administration
    from extauth.frontend.handover_connection import HandoverConnection
    from extauth.frontend.shared_counts import SharedCounts


class SideProcesses:
    """The failure counter, the handover process and the status server."""

    def __init__(self, config_file: Path, poller: Poller, log: Log, handler: RequestHandler, pool: WorkerPool) -> None:
        self._config_file = config_file
        self._poller = poller
        self._log = log
        self._handler = handler
        self._pool = pool
        self._started = time.monotonic(), time.time()
        self._config: FrontendConfig | None = None
        self._status_from = math.inf  # monotonic seconds
        self._administration: Administration | None = None
        self._handover: HandoverConnection | None = None
        self._shared_counts: SharedCounts | None = None

    @property
    def administration(self) -> Administration:
        """What answers an administrator."""
        if self._administration is None:
            from extauth.frontend.administration import Administration

            self._administration = Administration(
                self._config_file, self._started, self._poller, self._log, self._handler, self._pool
            )
            if self._config is not None:
                self._administration.configure(self._config)
        return self._administration

    @property
    def processes(self) -> set[int]:
        """Their process ids."""
        parts = (self._shared_counts, self._handover, self._administration)
        return set().union(*(part.processes for part in parts if part is not None))

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration."""
        self._config = config
        dispatcher = self._handler.dispatcher
        if self._shared_counts is None and config.throttle is not None and config.throttle.storage:
            from extauth.frontend.shared_counts import SharedCounts

            self._shared_counts = SharedCounts(self._poller, self._log, dispatcher.throttle)
        if self._handover is None and config.handover is not None:
            from extauth.frontend.handover_connection import HandoverConnection

            self._handover = HandoverConnection(self._poller, self._log, dispatcher.handovers)
        for part in (self._shared_counts, self._handover, self._administration):
            if part is not None:
                part.configure(config)

    def maintain(self, state: FrontendState) -> None:
        """Start those that are missing. Call it at intervals. The status server starts when requests are served."""
        if self._shared_counts is not None:
            self._shared_counts.maintain()
        if self._handover is not None:
            self._handover.maintain()
        if state is FrontendState.SERVING:
            now = time.monotonic()
            self._status_from = min(self._status_from, now + _FIRST_START)
            if now >= self._status_from:
                self.administration.maintain(state)

    def send_handovers(self) -> None:
        """Send the passwords for the handover. Call it when all replies are written, and only then."""
        if self._handover is not None:
            self._handover.send()

    def end(self) -> bool:
        """Let those end that have something to do before. Return True when they have; call it until then."""
        handover_has_ended = self._handover is None or self._handover.end()
        status_has_ended = self._administration is None or self._administration.end()
        return handover_has_ended and status_has_ended

    def close(self) -> None:
        """Let go of the others. The frontend kills them."""
        if self._handover is not None:
            self._handover.close()
        if self._shared_counts is not None:
            self._shared_counts.close()

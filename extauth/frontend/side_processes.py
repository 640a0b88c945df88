"""The frontend's processes beside the generations and the log writer: it waits for none of them."""

from __future__ import annotations

from pathlib import Path

from extauth.frontend.administration import Administration
from extauth.frontend.descriptors import Poller
from extauth.frontend.handover_connection import HandoverConnection
from extauth.frontend.log import Log
from extauth.frontend.request_handler import RequestHandler
from extauth.frontend.shared_counts import SharedCounts
from extauth.frontend.states import FrontendState
from extauth.frontend.worker_pool import WorkerPool
from extauth.workers.frontend_config import FrontendConfig


class SideProcesses:
    """The failure counter, the handover process and the status server."""

    def __init__(self, config_file: Path, poller: Poller, log: Log, handler: RequestHandler, pool: WorkerPool) -> None:
        dispatcher = handler.dispatcher
        self.administration = Administration(config_file, poller, log, handler, pool)
        self.handover = HandoverConnection(poller, log, dispatcher.handovers)
        self._shared_counts = SharedCounts(poller, log, dispatcher.throttle)

    @property
    def processes(self) -> set[int]:
        """Their process ids."""
        return self._shared_counts.processes | self.handover.processes | self.administration.processes

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration."""
        self._shared_counts.configure(config)
        self.handover.configure(config)
        self.administration.configure(config)

    def maintain(self, state: FrontendState) -> None:
        """Start those that are missing. Call it at intervals."""
        self._shared_counts.maintain()
        self.handover.maintain()
        self.administration.maintain(state)

    def end(self) -> bool:
        """Let those end that have something to do before. Return True when they have; call it until then."""
        return self.handover.end() & self.administration.end()

    def close(self) -> None:
        """Let go of the others. The frontend kills them."""
        self.handover.close()
        self._shared_counts.close()

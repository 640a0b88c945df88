"""What became of the reloads: for `extauth status`, and for those who wait for the end of one."""

from __future__ import annotations

import time
from collections.abc import Callable

from extauth.workers.status_messages import ReloadStatus

OnReloaded = Callable[[str, str], None]
"""Takes why a reload failed (empty if it did not), and what is served."""


class Reloads:
    """Counts reloads that are over. A reload answers all requests that came before it began."""

    def __init__(self) -> None:
        self.status = ReloadStatus()
        self._waiting: list[OnReloaded] = []
        self._loading: list[OnReloaded] = []

    def add_waiting(self, on_reloaded: OnReloaded) -> None:
        """Call this function when the next reload that begins is over."""
        self._waiting.append(on_reloaded)

    def begin(self) -> None:
        """Take note that a new generation starts to load."""
        self._loading += self._waiting
        self._waiting = []

    def end(self, problem: str, summary: str = "") -> None:
        """Count a reload that is over. `problem`: why it failed; empty if it did not. `summary`: what is served."""
        status = self.status
        self.status = ReloadStatus(status.done + (not problem), status.failed + bool(problem), time.time(), problem)
        loading, self._loading = self._loading, []
        for on_reloaded in loading:
            on_reloaded(problem, summary)

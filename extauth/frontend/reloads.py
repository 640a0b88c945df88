"""What a reload leaves behind: its outcome, for those who wait for it, and the generation that served before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from extauth.frontend import timeouts
from extauth.frontend.generation import Generation
from extauth.workers.status_messages import ReloadStatus

OnReloaded = Callable[[str, str], None]
"""Takes why a reload failed (empty if it did not), and what is served."""

_MAX_LEAVING = 8  # generations that may be leaving when another one starts


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


class LeavingGenerations:
    """Takes generations through `DRAINING`, `STOPPING` and `CLOSING`, until each has ended."""

    def __init__(self) -> None:
        self.worker_restarts = 0
        """How many workers of all these generations died or were given up while they served."""
        self._stopped_at: dict[Generation, float | None] = {}  # None: its workers have not been stopped

    def __len__(self) -> int:
        return len(self._stopped_at)

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._stopped_at)

    @property
    def is_full(self) -> bool:
        """Whether so many are leaving that no other generation may start."""
        return len(self._stopped_at) >= _MAX_LEAVING

    def add(self, generation: Generation) -> None:
        """Give this generation no more requests, and let it leave."""
        self.worker_restarts += generation.worker_restarts
        generation.drain()
        self._stopped_at[generation] = None

    def maintain(self, *, at_end: bool = False) -> bool:
        """Let each take its next step. Return whether one has ended: its processes must be reaped.

        `at_end`: every request has its reply, so workers end although they are still at work.
        """
        now = time.monotonic()
        before = len(self._stopped_at)
        for generation, stopped_at in list(self._stopped_at.items()):
            self._continue(generation, stopped_at, now, at_end=at_end)
        return len(self._stopped_at) < before

    def _continue(self, generation: Generation, stopped_at: float | None, now: float, *, at_end: bool) -> None:
        generation.maintain()
        if generation.has_ended:
            del self._stopped_at[generation]
        elif stopped_at is None and (at_end or generation.is_drained):
            generation.stop_workers()
            self._stopped_at[generation] = now
        elif stopped_at is not None and (now - stopped_at >= timeouts.DISCONNECT or not generation.has_workers):
            generation.close()

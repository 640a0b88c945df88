"""Generations that serve no longer: each finishes its requests, then its processes end."""

from __future__ import annotations

import time
from collections.abc import Iterator

from extauth.frontend import timeouts
from extauth.frontend.generation import Generation


class LeavingGenerations:
    """Takes generations through `DRAINING`, `STOPPING` and `CLOSING`, until each has ended."""

    def __init__(self) -> None:
        self._stopped_at: dict[Generation, float | None] = {}  # None: its workers have not been stopped

    def __len__(self) -> int:
        return len(self._stopped_at)

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._stopped_at)

    def add(self, generation: Generation) -> None:
        """Give this generation no more requests, and let it leave."""
        generation.drain()
        self._stopped_at[generation] = None

    def maintain(self) -> bool:
        """Let each take its next step. Return whether one has ended: its processes must be reaped."""
        now = time.monotonic()
        before = len(self._stopped_at)
        for generation, stopped_at in list(self._stopped_at.items()):
            self._continue(generation, stopped_at, now)
        return len(self._stopped_at) < before

    def _continue(self, generation: Generation, stopped_at: float | None, now: float) -> None:
        generation.maintain()
        if generation.has_ended:
            del self._stopped_at[generation]
        elif stopped_at is None and generation.is_drained:
            generation.stop_workers()
            self._stopped_at[generation] = now
        elif stopped_at is not None and (now - stopped_at >= timeouts.DISCONNECT or not generation.has_workers):
            generation.close()

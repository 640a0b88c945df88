"""Time limits of everything under way, with one timer of the event loop: one for each login would cost more CPU."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from extauth.backends.ldap.servers import NoResponse

_INTERVAL = 0.1  # seconds; a time limit is over at most that late

Waiting = asyncio.Future[Any]


class Timers:
    """Looks at all time limits every 0.1 seconds, while there are any."""

    def __init__(self) -> None:
        self._limits: dict[Waiting, tuple[float, Callable[[Waiting], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, future: Waiting, until: float, on_over: Callable[[Waiting], None]) -> None:
        """Call `on_over` with this future if `stop` is not called until then (monotonic seconds)."""
        self._limits[future] = until, on_over
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._look)

    def stop(self, future: Waiting) -> None:
        """Forget the time limit of this future."""
        self._limits.pop(future, None)

    async def wait(self, future: asyncio.Future[Any], until: float) -> Any:
        """Wait for this future. Raises NoResponse when the time is over."""
        self.start(future, until, fail_in_time)
        try:
            return await future
        finally:
            self.stop(future)

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._look) if self._limits else None
        now = time.monotonic()
        for future, (until, on_over) in list(self._limits.items()):
            if until <= now and self._limits.pop(future, None) is not None:
                on_over(future)


def fail_in_time(future: Waiting) -> None:
    """End a wait with NoResponse."""
    if not future.done():
        future.set_exception(NoResponse())


def seconds_from_now(seconds: float, until: float) -> float:
    """Return the time in so many seconds, at most `until` (monotonic seconds)."""
    return min(time.monotonic() + seconds, until)

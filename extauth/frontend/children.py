"""Child processes: what they forget at the fork, when they are started again, and how they end. Nothing here waits.

A fork copies the whole memory of the frontend, also requests that wait and lines that were read in part. The forked
process releases them: it would keep their passwords as long as it lives, and backends run in workers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import weakref
from typing import Protocol

_FIRST_PAUSE = 0.25  # seconds from the death of a child to the next start; each next pause is twice as long
_MAX_PAUSE = 60.0
_LONG_LIFE = 60.0  # seconds from a pause without a death: then the pauses are short again


class RequestHolder(Protocol):
    """An object that holds requests or replies."""

    def forget(self) -> None:
        """Release them. It is called in the forked process, which does not use this object."""


_holders: weakref.WeakSet[RequestHolder] = weakref.WeakSet()


def forget_in_children(holder: RequestHolder) -> None:
    """Call `holder.forget()` in each process that is forked from this one, as long as the object exists here."""
    _holders.add(holder)


def _forget_all() -> None:
    for holder in _holders:
        holder.forget()


os.register_at_fork(after_in_child=_forget_all)


class RestartPause:
    """Says when a child may be started again: the pauses grow while children die soon after the last pause.

    Children that a reload replaces do not count: they have not died.
    """

    def __init__(self) -> None:
        self._start_at = 0.0
        self._pause = _FIRST_PAUSE

    def is_over(self) -> bool:
        """Return whether a child may be started now."""
        return time.monotonic() >= self._start_at

    def begin(self) -> float:
        """Begin a pause: a child has died, or could not be started. Return its seconds."""
        now = time.monotonic()
        if now - self._start_at > _LONG_LIFE:
            self._pause = _FIRST_PAUSE
        pause, self._pause = self._pause, min(2 * self._pause, _MAX_PAUSE)
        self._start_at = now + pause
        return pause


class EndingChildren:
    """Children whose socket is closed. Each has its time to end; then it is killed."""

    def __init__(self) -> None:
        self._kill_at: dict[int, float] = {}  # by process id (monotonic seconds)

    @property
    def processes(self) -> set[int]:
        """The process ids of those that have not been reaped."""
        return set(self._kill_at)

    def add(self, process: int, *, kill_at: float) -> None:
        """Let a child end until that time (monotonic seconds)."""
        self._kill_at[process] = kill_at

    def reap(self, now: float) -> None:
        """Reap the children that have ended, and kill those whose time is over."""
        for process, kill_at in list(self._kill_at.items()):
            if now >= kill_at:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            try:
                has_ended = os.waitpid(process, os.WNOHANG) != (0, 0)
            except ChildProcessError:
                has_ended = True
            if has_ended:
                del self._kill_at[process]

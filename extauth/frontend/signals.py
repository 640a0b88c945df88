"""The signals that the frontend handles. SIGUSR2 does nothing: see `set_up_process`."""

from __future__ import annotations

import contextlib
import os
import signal

from extauth.frontend.descriptors import READ, Poller

_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_CHUNK = 4096  # signals to read in one call


class Signals:
    """Catches signals from now on. They wake the poller, and wait until `take` is called."""

    def __init__(self, poller: Poller) -> None:
        self._caught: set[int] = set()
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in _HANDLED:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        poller.register(self._reader, READ, self._on_signals)

    def take(self) -> set[int]:
        """Return the signals that have come since the last call."""
        caught, self._caught = self._caught, set()
        return caught

    def _on_signals(self, events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._caught |= set(os.read(self._reader, _CHUNK))

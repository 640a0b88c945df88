"""A record that is repeated while its reason lasts, so that an administrator who looks later finds it too."""

from __future__ import annotations

import time

from extauth.frontend import timeouts
from extauth.frontend.log import Log
from extauth.log_levels import Level


class Reminder:
    """Repeats one record at the level Failures, at intervals of `timeouts.REMIND`. The first time is the caller's."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._text = ""
        self._next = 0.0

    def start(self, text: str) -> None:
        """Repeat this text from now on, and no other. With an empty text, repeat nothing."""
        self._text = text
        self._next = time.monotonic() + timeouts.REMIND

    def maintain(self) -> None:
        """Write the record if it is time. Call this at intervals."""
        if self._text and time.monotonic() >= self._next:
            self._log.write(Level.FAILURES, self._text)
            self._next = time.monotonic() + timeouts.REMIND

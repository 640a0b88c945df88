"""Records that are repeated while their reason lasts, and warnings that a reload does not write again."""

from __future__ import annotations

import time

from extauth.frontend import timeouts
from extauth.frontend.log import Log
from extauth.log_levels import Level
from extauth.workers.messages import LogMessage


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


class LoadWarnings:
    """The warnings of one generation. `before`: those of the generation that serves, if there is one."""

    def __init__(self, before: LoadWarnings | None) -> None:
        self._known = set() if before is None else before._found
        self._found: set[LogMessage] = set()
        self._repeated = 0

    @property
    def summary(self) -> str:
        """The end of a record about the generation: how many warnings were the same as before."""
        return f"; {self._repeated} warnings as before" if self._repeated else ""

    def is_new(self, message: LogMessage) -> bool:
        """Take a record that came while the generation loads. Return whether it must be written."""
        if message.level is not Level.PROBLEMS:
            return True
        self._found.add(message)
        is_known = message in self._known
        self._repeated += is_known
        return not is_known

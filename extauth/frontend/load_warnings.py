"""Warnings about files, which a reload does not write again if they have not changed."""

from __future__ import annotations

from extauth.log_levels import Level
from extauth.workers.messages import LogMessage


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

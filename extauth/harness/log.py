"""The lines the server would write into its log (docs/protocol.md, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from extauth.harness.events import Ended, Event, InputClosed, Killed, Received, Sent, TimedOut
from extauth.harness.judge import Complaint
from extauth.harness.masking import Masker
from extauth.harness.report import complaint_text
from extauth.harness.wire import is_information

LEVELS = ("Crashes Only", "Failures", "Major & Failures", "Problems", "Low Level", "All Info")
"""The names of the levels 0 to 5; each shows its own records and those of the levels before it."""

_FAILURES, _MAJOR, _PROBLEMS, _LOW_LEVEL, _ALL_INFO = range(1, 6)


class ServerLog:
    """Writes what happens as `hh:mm:ss.mmm L EXTAUTH text`, up to the level of that name."""

    def __init__(self, level: str, masker: Masker, write: Callable[[str], None]) -> None:
        self._level = LEVELS.index(level)
        self._masker = masker
        self._write = write

    def see(self, event: Event | Complaint) -> None:
        """Log `event`, if the level shows it."""
        level, text = self._record(event)
        if level <= self._level:
            self._write(f"{datetime.now():%H:%M:%S.%f}"[:-3] + f" {level} EXTAUTH {text}")

    def _record(self, event: Event | Complaint) -> tuple[int, str]:
        match event:
            case Sent():
                return _ALL_INFO, f"I: {self._masker.sent(event.line)}"
            case Received():
                level = _LOW_LEVEL if is_information(event.line) else _ALL_INFO
                return level, f"O: {self._masker.received(event.line)}"
            case InputClosed():
                return _MAJOR, "standard input closed"
            case TimedOut():
                return _FAILURES, f"no reply within {event.seconds:g} seconds, the program is stopped"
            case Killed():
                return _FAILURES, "the program did not end, it is killed"
            case Ended():
                return (_FAILURES if event.status else _MAJOR), f"the program ended with status {event.status}"
            case Complaint():
                return _PROBLEMS, complaint_text(event, self._masker)

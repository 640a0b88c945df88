"""The lines the server would write into its log (docs/protocol.md, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from extauth.harness.events import (
    Ended,
    Event,
    InputClosed,
    Killed,
    Received,
    Rejected,
    Restarting,
    Sent,
    Started,
    TimedOut,
)
from extauth.harness.judge import Complaint
from extauth.harness.masking import Masker
from extauth.harness.report import complaint_text
from extauth.harness.wire import is_information
from extauth.log_levels import LEVEL_NAMES, Level


class ServerLog:
    """Writes what happens as `hh:mm:ss.mmm L TAG text`, up to the level of that name; the program's tag is EXTAUTH."""

    def __init__(self, level: str, masker: Masker, write: Callable[[str], None]) -> None:
        self._level = LEVEL_NAMES[level]
        self._masker = masker
        self._write = write

    def see(self, event: Event | Complaint) -> None:
        """Log `event`, if the level shows it."""
        if isinstance(event, Ended):
            for line in event.standard_error.splitlines():
                self.record(Level.FAILURES, "EXTAUTH", f"standard error: {self._masker.text(line)}")
        level, text = self._level_and_text(event)
        self.record(level, "EXTAUTH", text)

    def record(self, level: Level, tag: str, text: str) -> None:
        """Write a record of the module that the tag stands for, if the level shows it."""
        if level <= self._level:
            self._write(f"{datetime.now():%H:%M:%S.%f}"[:-3] + f" {level:d} {tag} {text}")

    def _level_and_text(self, event: Event | Complaint) -> tuple[Level, str]:
        match event:
            case Started():
                return Level.MAJOR, "the program is started"
            case Sent():
                return Level.ALL_INFO, f"I: {self._masker.sent(event.line)}"
            case Received():
                level = Level.LOW_LEVEL if is_information(event.line) else Level.ALL_INFO
                return level, f"O: {self._masker.received(event.line)}"
            case InputClosed():
                return Level.MAJOR, "standard input closed"
            case TimedOut():
                return Level.FAILURES, f"no reply within {event.seconds:g} seconds, the program is stopped"
            case Killed():
                return Level.FAILURES, "the program did not end, it is killed"
            case Ended():
                return (
                    Level.FAILURES if event.status else Level.MAJOR
                ), f"the program ended with status {event.status}"
            case Rejected():
                return Level.PROBLEMS, f"{event.number.decode()} is rejected"
            case Restarting():
                return (
                    Level.MAJOR,
                    f"the program is started anew in {event.seconds:g} seconds, {event.pending} requests are pending",
                )
            case Complaint():
                return Level.PROBLEMS, complaint_text(event, self._masker)

"""The lines that the mail server writes into its log (docs/protocol.md, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from extauth.harness.events import (
    Event,
    InputClosed,
    LineReceived,
    LineSent,
    ProgramEnded,
    ProgramKilled,
    ProgramRestarting,
    ProgramStarted,
    RequestRejected,
    RequestTimedOut,
)
from extauth.harness.lines import is_information
from extauth.harness.masking import Masker
from extauth.harness.protocol_checker import Violation
from extauth.harness.report import violation_text
from extauth.log_levels import LEVEL_NAMES, Level

_TAG = "EXTAUTH"
_MAX_ERRORS = 1_000


class MailServerLog:
    """Writes events as `hh:mm:ss.mmm L TAG text`, up to the level of this name. The program's tag is EXTAUTH."""

    def __init__(self, level: str, masker: Masker, write: Callable[[str], None]) -> None:
        self._level = LEVEL_NAMES[level]
        self._masker = masker
        self._write = write
        self.harness_errors: list[Violation] = []
        """The first thousand records with the tag SYSTEM: errors in the harness itself."""
        self.harness_error_count = 0
        """The number of all of them. Like violations they make the run fail."""

    def handle_event(self, event: Event | Violation) -> None:
        """Log `event`, if the level includes it."""
        if isinstance(event, ProgramEnded):
            for line in event.standard_error.splitlines():
                self.record(Level.FAILURES, _TAG, f"standard error: {self._masker.text(line)}")
        level, text = self._level_and_text(event)
        self.record(level, _TAG, text)

    def record(self, level: Level, tag: str, text: str) -> None:
        """Write a record with the tag of a mail server module, if the level includes it. Count those of SYSTEM."""
        if tag == "SYSTEM":
            self.harness_error_count += 1
            if len(self.harness_errors) < _MAX_ERRORS:
                self.harness_errors.append(Violation(f"error in the harness: {text}"))
        if level <= self._level:
            self._write(f"{datetime.now():%H:%M:%S.%f}"[:-3] + f" {level:d} {tag} {text}")

    def _level_and_text(self, event: Event | Violation) -> tuple[Level, str]:
        match event:
            case ProgramStarted():
                return Level.MAJOR, "program started"
            case LineSent():
                return Level.ALL_INFO, f"I: {self._masker.sent(event.line)}"
            case LineReceived():
                level = Level.LOW_LEVEL if is_information(event.line) else Level.ALL_INFO
                return level, f"O: {self._masker.received(event.line)}"
            case InputClosed():
                return Level.MAJOR, "standard input closed"
            case RequestTimedOut():
                return Level.FAILURES, f"no reply within {event.seconds:g} seconds; stopping the program"
            case ProgramKilled():
                return Level.FAILURES, "program did not end; killed"
            case ProgramEnded():
                level = Level.FAILURES if event.status else Level.MAJOR
                return level, f"program ended with status {event.status}"
            case RequestRejected():
                return Level.PROBLEMS, f"request {event.number.decode()} rejected"
            case ProgramRestarting():
                return (
                    Level.MAJOR,
                    f"restarting the program in {event.seconds:g} seconds, pending requests: {event.pending}",
                )
            case Violation():
                return Level.PROBLEMS, violation_text(event, self._masker)

"""Records of Python's `logging`, from backends and libraries, on their way to the frontend, which writes the log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from extauth.log_levels import Level
from extauth.protocol.replies import one_line
from extauth.workers.messages import LogMessage

LineOf = Callable[[str, str], str]
"""Makes a line of the source of a record and its text."""


def _line(source: str, text: str) -> str:
    return one_line(f"{source}: {text}")


def forward_logs_to(send: Callable[[LogMessage], None], line_of: LineOf = _line) -> None:
    """Send every record through `send` from now on, and nowhere else. `line_of` keeps passwords out of it."""
    root = logging.getLogger()
    root.handlers[:] = [_Forwarder(send, line_of)]
    root.setLevel(logging.WARNING)
    logging.getLogger("extauth.backend").setLevel(logging.DEBUG)
    logging.raiseExceptions = False  # it would print the record with its arguments


class _Forwarder(logging.Handler):
    def __init__(self, send: Callable[[LogMessage], None], line_of: LineOf) -> None:
        super().__init__()
        self._send = send
        self._line_of = line_of

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):
            text = "a log record whose arguments do not fit its text"
        source = record.name.removeprefix("extauth.backend.")
        self._send(LogMessage(_level(record.levelno), self._line_of(source, text)))


def _level(number: int) -> Level:
    for threshold, level in (
        (logging.CRITICAL, Level.CRASHES),
        (logging.ERROR, Level.FAILURES),
        (logging.WARNING, Level.PROBLEMS),
        (logging.INFO, Level.LOW_LEVEL),
    ):
        if number >= threshold:
            return level
    return Level.ALL_INFO

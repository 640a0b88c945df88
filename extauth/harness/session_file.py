"""Session files: lines to send, lines to expect, pauses (docs/harness.md)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from extauth.errors import ExtauthError
from extauth.harness.lines import number_of

_TEXT_IS_OPTIONAL = (b"ERROR", b"FAILURE")


class SessionFileError(ExtauthError):
    """A session file has an error. The message names file and line, but never repeats the line."""


@dataclass(frozen=True, slots=True)
class SendLine:
    """Send a line, byte for byte."""

    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WaitForReplies:
    """Wait until each request is answered."""


@dataclass(frozen=True, slots=True)
class WaitSeconds:
    """Wait for a time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CloseInput:
    """Close the program's standard input. Requests may be under way."""


Step = SendLine | WaitForReplies | WaitSeconds | CloseInput


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """A line that must come, and its line number in the file."""

    where: int
    line: bytes = field(repr=False)

    @property
    def number(self) -> bytes | None:
        """The number of the request. None for an information line."""
        return number_of(self.line)

    def accepts(self, line: bytes) -> bool:
        """Return whether `line` is as expected. ERROR and FAILURE without a text accept any text."""
        if line == self.line:
            return True
        head = self.line.partition(b" ")[2] if self.number else self.line
        return head in (*_TEXT_IS_OPTIONAL, b"*") and line.startswith(self.line + b" ")


@dataclass(frozen=True, slots=True)
class SessionFile:
    """The steps in their order, and the expected lines, which may come in any order."""

    steps: list[Step]
    expected: list[ExpectedLine]


def read_session_file(path: Path) -> SessionFile:
    """Read the session file at `path`. Raises SessionFileError."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SessionFileError(f"{path}: {error.strerror}") from error
    session = SessionFile([], [])
    for where, line in enumerate(lines, 1):
        try:
            _add(session, where, line)
        except ValueError as error:
            raise SessionFileError(f"{path}, line {where}: {error}") from None
    _check_numbers(session, path)
    return session


def _add(session: SessionFile, where: int, line: bytes) -> None:
    """Add one line of the file. Raises ValueError."""
    text = line.removesuffix(b"\r")
    if not text.strip() or text.startswith(b"#"):
        return
    if text.startswith(b"O: "):
        session.expected.append(_expected(where, text[3:]))
        return
    if session.steps[-1:] == [CloseInput()]:
        raise ValueError("standard input is already closed")
    session.steps.append(_step(line, text))


def _step(line: bytes, text: bytes) -> Step:
    if line.startswith(b"I: ") or text == b"I:":
        return SendLine(line[3:])  # with its CR, if there is one
    word, _, seconds = text.strip().partition(b" ")
    if word == b"close" and not seconds:
        return CloseInput()
    if word != b"wait":
        raise ValueError("must be I:, O:, wait, wait SECONDS, close or a comment (#)")
    return WaitSeconds(_seconds(seconds)) if seconds else WaitForReplies()


def _seconds(text: bytes) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("wait needs a number of seconds") from None
    if not isfinite(seconds) or seconds < 0:
        raise ValueError("wait needs a number of seconds")
    return seconds


def _expected(where: int, line: bytes) -> ExpectedLine:
    expected = ExpectedLine(where, line)
    is_reply = expected.number is not None and b" " in line
    if not (is_reply or line == b"*" or line.startswith(b"* ")):
        raise ValueError("O: needs a number and a reply, or * and a text")
    return expected


def _check_numbers(session: SessionFile, path: Path) -> None:
    left = Counter(number_of(step.line) for step in session.steps if isinstance(step, SendLine))
    for expected in session.expected:
        if expected.number is not None and not left[expected.number]:
            raise SessionFileError(f"{path}, line {expected.where}: there is no I: line left for this reply")
        left[expected.number] -= 1

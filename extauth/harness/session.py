"""A session file: what to send, what to expect, when to wait (docs/harness.md)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from extauth.errors import ExtauthError
from extauth.harness.wire import number_of

_TEXT_IS_FREE = (b"ERROR", b"FAILURE")


class SessionError(ExtauthError):
    """A session file that cannot be played. The message names file and line, and never what stands there."""


@dataclass(frozen=True, slots=True)
class Send:
    """A line to send, to the byte."""

    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WaitForAnswers:
    """Wait until all that was sent is answered."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the program's standard input, with whatever is under way."""


Step = Send | WaitForAnswers | Wait | Close


@dataclass(frozen=True, slots=True)
class Expected:
    """A line that must come, and where the file says so."""

    where: int
    line: bytes = field(repr=False)

    @property
    def number(self) -> bytes | None:
        """The number of the request that it answers; None for an information line."""
        return number_of(self.line)

    def accepts(self, line: bytes) -> bool:
        """Whether `line` is what was expected. The text behind ERROR and FAILURE is free where none is given."""
        if line == self.line:
            return True
        head = self.line.partition(b" ")[2] if self.number else self.line
        return head in (*_TEXT_IS_FREE, b"*") and line.startswith(self.line + b" ")


@dataclass(frozen=True, slots=True)
class Session:
    """The steps in their order, and the expected lines, which have none."""

    steps: list[Step]
    expected: list[Expected]


def read_session(path: Path) -> Session:
    """The session in the file at `path`; raises SessionError."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SessionError(f"{path}: {error.strerror}") from error
    session = Session([], [])
    for where, line in enumerate(lines, 1):
        try:
            _add(session, where, line)
        except ValueError as error:
            raise SessionError(f"{path}, line {where}: {error}") from None
    _check_numbers(session, path)
    return session


def _add(session: Session, where: int, line: bytes) -> None:
    """Add what `line` says; raises ValueError."""
    text = line.removesuffix(b"\r")
    if not text.strip() or text.startswith(b"#"):
        return
    if text.startswith(b"O: "):
        session.expected.append(_expected(where, text[3:]))
        return
    if session.steps[-1:] == [Close()]:
        raise ValueError("standard input is closed already")
    session.steps.append(_step(line, text))


def _step(line: bytes, text: bytes) -> Step:
    if line.startswith(b"I: ") or text == b"I:":
        return Send(line[3:])  # its CR, if any, is sent too
    word, _, seconds = text.strip().partition(b" ")
    if word == b"close" and not seconds:
        return Close()
    if word != b"wait":
        raise ValueError("must be I:, O:, wait, wait SECONDS, close or a comment (#)")
    return Wait(_seconds(seconds)) if seconds else WaitForAnswers()


def _seconds(text: bytes) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("wait takes a number of seconds") from None
    if not isfinite(seconds) or seconds < 0:
        raise ValueError("wait takes a number of seconds")
    return seconds


def _expected(where: int, line: bytes) -> Expected:
    expected = Expected(where, line)
    is_reply = expected.number is not None and b" " in line
    if not (is_reply or line == b"*" or line.startswith(b"* ")):
        raise ValueError("O: takes a number and a reply, or * and a text")
    return expected


def _check_numbers(session: Session, path: Path) -> None:
    left = Counter(number_of(step.line) for step in session.steps if isinstance(step, Send))
    for expected in session.expected:
        if expected.number is not None and not left[expected.number]:
            raise SessionError(f"{path}, line {expected.where}: no I: line is left that this could answer")
        left[expected.number] -= 1

"""One running helper program, line by line: what is sent, what comes, and its end (docs/protocol.md, section 6)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from extauth.harness.events import Ended, Event, InputClosed, Sent
from extauth.harness.process import Process
from extauth.harness.splitter import Splitter

_GRACE = 1.0  # seconds: a program's own processes have to notice its end first
_PAUSE = 0.01


class Program:
    """Sends lines and gives events. Raises CannotStart."""

    def __init__(self, command: Sequence[str], base_directory: Path) -> None:
        self.process = Process(command, base_directory)
        self.splitter = Splitter()
        self.unsent: deque[bytes] = deque()
        """Lines that the pipe has not taken, or not to their ends."""
        self._unwritten = b""
        self._taken_at = time.monotonic()
        self._reads_no_more = False

    @property
    def stuck_since(self) -> float | None:
        """Since when the pipe has taken nothing of the lines to be sent; None where none is left."""
        return self._taken_at if self.unsent and self.process.takes_input else None

    def send(self, line: bytes) -> None:
        """Send `line` as soon as the pipe takes it; the program's standard input has to be open."""
        if not self.unsent:
            self._taken_at = time.monotonic()
            self._unwritten = line + b"\n"
        self.unsent.append(line)

    def turn(self, seconds: float, alarm: int | None) -> list[Event]:
        """Write and read what can be, waiting up to `seconds` for it: what happened, `Ended` last."""
        self.process.wait(seconds, to_write=self.stuck_since is not None, alarm=alarm)
        events = self._write() if self.stuck_since is not None else []
        events += self.splitter.feed(time.monotonic(), self.process.read())
        if self.process.status is not None:
            events += self._end()
        return events

    def _write(self) -> list[Event]:
        events: list[Event] = []
        try:
            while self.unsent and (written := self.process.write(self._unwritten)):
                self._unwritten = self._unwritten[written:]
                self._taken_at = time.monotonic()
                if not self._unwritten:
                    events.append(Sent(self._taken_at, self.unsent.popleft()))
                    self._unwritten = self.unsent[0] + b"\n" if self.unsent else b""
        except BrokenPipeError:
            self._reads_no_more = True
            self.process.close_input()
            events.append(InputClosed(time.monotonic(), by_program=True))
        return events

    def _end(self) -> list[Event]:
        ended_at, took = time.monotonic(), None if self._reads_no_more else self.process.closed_for
        events = self._outlived(ended_at + _GRACE)
        left_behind = self.process.has_company()
        if left_behind:
            self.process.kill()
            events += self._outlived(time.monotonic() + _GRACE)
        events += self.splitter.feed(ended_at, self.process.read_rest())
        events += self.splitter.finish(ended_at)
        status = self.process.status
        assert status is not None
        return [*events, Ended(ended_at, status, took, left_behind, *self.process.read_standard_error())]

    def _outlived(self, until: float) -> list[Event]:
        """What is still written while the program's own processes have time to end."""
        events: list[Event] = []
        while self.process.has_company() and time.monotonic() < until:
            time.sleep(_PAUSE)
            events += self.splitter.feed(time.monotonic(), self.process.read())
        return events

"""A helper program: line by line, and one run of it with the mail server's time-outs (docs/protocol.md, section 6)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extauth.harness.events import (
    Event,
    InputClosed,
    LineReceived,
    LineSent,
    ProgramEnded,
    ProgramKilled,
    ProgramStarted,
    RequestTimedOut,
)
from extauth.harness.lines import LineSplitter
from extauth.harness.process import Process
from extauth.harness.protocol_checker import SECONDS_TO_END, ProtocolChecker, Violation
from extauth.harness.request_queues import RequestsUnderWay

EventHandler = Callable[[Event | Violation], None]
"""Is called with each event, and then with each violation in it."""

TICK = 0.01
"""Seconds: the precision of the time-out and of the program's end."""

_GRACE = 1.0  # seconds for child processes of the program to notice its end
_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    """The mail server's settings for the helper program.

    `time_out`: a request may wait this many seconds for its reply. `auto_restart`: seconds between the end of a program
    and the start of the next one. None: no restart.
    """

    command: Sequence[str]
    base_directory: Path
    time_out: float = 30.0
    auto_restart: float | None = None


class Program:
    """A running program, as lines and events. Raises CannotStart."""

    def __init__(self, command: Sequence[str], base_directory: Path) -> None:
        self.process = Process(command, base_directory)
        self.splitter = LineSplitter()
        self.unsent: deque[bytes] = deque()
        """Lines that are not yet completely in the pipe."""
        self._unwritten = b""
        self._taken_at = time.monotonic()
        self._closed_its_input = False

    @property
    def blocked_since(self) -> float | None:
        """When the pipe last took data, if lines wait to be sent. None if no line waits."""
        return self._taken_at if self.unsent and self.process.takes_input else None

    def send(self, line: bytes) -> None:
        """Send `line` when the pipe has space. Standard input must be open."""
        if not self.unsent:
            self._taken_at = time.monotonic()
            self._unwritten = line + b"\n"
        self.unsent.append(line)

    def run_once(self, seconds: float, wake_up: int | None) -> list[Event]:
        """Write and read what is possible, after a wait of up to `seconds`. Return the events, `ProgramEnded` last."""
        self.process.wait(seconds, to_write=self.blocked_since is not None, wake_up=wake_up)
        events = self._write() if self.blocked_since is not None else []
        events += self.splitter.feed(time.monotonic(), self.process.read())
        if self.process.status is not None:
            events += self._end()
        return events

    def _write(self) -> list[Event]:
        events: list[Event] = []
        try:
            while self.unsent:
                now = time.monotonic()  # before the write: after it, other threads may run until the reply has come
                written = self.process.write(self._unwritten)
                if written == 0:
                    break
                self._taken_at = now
                self._unwritten = self._unwritten[written:]
                if not self._unwritten:
                    events.append(LineSent(now, self.unsent.popleft()))
                    self._unwritten = self.unsent[0] + b"\n" if self.unsent else b""
        except BrokenPipeError:
            self._closed_its_input = True
            self.process.close_input()
            events.append(InputClosed(time.monotonic(), by_program=True))
        return events

    def _end(self) -> list[Event]:
        ended_at, took = time.monotonic(), None if self._closed_its_input else self.process.closed_for
        events = self._output_of_group(ended_at + _GRACE)
        left_behind = self.process.group_runs()
        if left_behind:
            self.process.kill()
            events += self._output_of_group(time.monotonic() + _GRACE)
        events += self.splitter.feed(ended_at, self.process.read_rest())
        events += self.splitter.finish(ended_at)
        status = self.process.status
        assert status is not None
        return [*events, ProgramEnded(ended_at, status, took, left_behind, *self.process.read_standard_error())]

    def _output_of_group(self, until: float) -> list[Event]:
        """Return the output that arrives while processes of its group still run, until the time `until`."""
        events: list[Event] = []
        while self.process.group_runs() and time.monotonic() < until:
            time.sleep(_PAUSE)
            events += self.splitter.feed(time.monotonic(), self.process.read())
        return events


class ProgramRun:
    """One run of a program, checked and stopped at its time-outs. `on_event` gets all events and violations.

    Raises CannotStart.
    """

    def __init__(self, settings: ProgramSettings, on_event: EventHandler) -> None:
        self.program = Program(settings.command, settings.base_directory)
        self.ended: ProgramEnded | None = None
        self._time_out = settings.time_out
        self._on_event = on_event
        self._checker = ProtocolChecker()
        self._timed_out = False
        self._unanswered_taken = False
        self._killed = False
        self.report(ProgramStarted(time.monotonic()))

    @property
    def under_way(self) -> RequestsUnderWay:
        """The requests that wait for a reply."""
        return self._checker.under_way

    @property
    def takes_input(self) -> bool:
        """Whether requests can still be sent."""
        return self.program.process.takes_input

    @property
    def quit_sent(self) -> bool:
        """Whether a QUIT was sent, so that the program may end."""
        return self._checker.quit_sent

    def run_once(self, seconds: float, wake_up: int | None) -> None:
        """Handle the next events and the time-outs. `seconds` and `wake_up` are as in ProgramManager.run_once."""
        for event in self.program.run_once(seconds if self._is_idle else min(seconds, TICK), wake_up):
            self.report(event)
        closed_for = self.program.process.closed_for
        if self.ended is not None:
            return
        if closed_for is None:
            self._check_time_out()
        elif closed_for > SECONDS_TO_END and not self._killed:
            self._killed = True
            self.program.process.kill()
            self.report(ProgramKilled(time.monotonic()))

    def close_input(self) -> None:
        """Close the program's standard input, if it is open."""
        if self.takes_input:
            self.program.process.close_input()
            self.report(InputClosed(time.monotonic()))

    def report(self, event: Event) -> None:
        """Check an event and pass it on, with its violations."""
        if isinstance(event, LineReceived):
            event = self._checker.match_request(event)
        violations = self._checker.check(event)
        if isinstance(event, LineReceived) and self._timed_out:
            event = replace(event, request=None)
        self._on_event(event)
        for violation in violations:
            self._on_event(violation)
        if isinstance(event, ProgramEnded):
            self.ended = event

    def take_unanswered(self) -> list[bytes]:
        """Return the lines that will get no reply, after a time-out or the end. Later calls return nothing."""
        if self._unanswered_taken or not (self._timed_out or self.ended):
            return []
        self._unanswered_taken = True
        return [*self.under_way.lines, *self.program.unsent]

    @property
    def _is_idle(self) -> bool:
        """Whether no time-out runs."""
        process = self.program.process
        return process.takes_input and process.end_wakes_wait and not (self.under_way or self.program.unsent)

    def _check_time_out(self) -> None:
        now = time.monotonic()
        oldest = [at for at in (self.under_way.oldest, self.program.blocked_since) if at is not None]
        if oldest and now - min(oldest) > self._time_out:
            self.report(RequestTimedOut(now, self._time_out))
            self._timed_out = True
            self.close_input()

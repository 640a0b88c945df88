"""One program from its start to its end, judged and kept to the server's times (docs/protocol.md, section 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extauth.harness.events import Ended, Event, InputClosed, Killed, Received, Started, TimedOut
from extauth.harness.judge import SECONDS_TO_END, Complaint, Judge
from extauth.harness.program import Program
from extauth.harness.under_way import UnderWay

Watch = Callable[[Event | Complaint], None]

TURN = 0.01
"""Seconds: how exactly the time-out and the end of a program are timed."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the server's administrator sets for the helper program.

    `time_out`: seconds that a request may wait for its reply. `auto_restart`: seconds from the end of a program to the
    start of the next one; None: there is no next one.
    """

    command: Sequence[str]
    base_directory: Path
    time_out: float = 30.0
    auto_restart: float | None = None


class Life:
    """Runs one program. `watch` is called with every event and, behind it, the complaints about it.

    Raises CannotStart.
    """

    def __init__(self, settings: ServerSettings, watch: Watch) -> None:
        self.program = Program(settings.command, settings.base_directory)
        self.ended: Ended | None = None
        self._time_out = settings.time_out
        self._watch = watch
        self._judge = Judge()
        self._timed_out = False
        self._given_up = False
        self._killed = False
        self.note(Started(time.monotonic()))

    @property
    def under_way(self) -> UnderWay:
        """What was sent and is not answered."""
        return self._judge.under_way

    @property
    def takes_input(self) -> bool:
        """Whether requests can still be sent."""
        return self.program.process.takes_input

    @property
    def told_to_quit(self) -> bool:
        """Whether a QUIT was sent, so that it may end."""
        return self._judge.told_to_quit

    def turn(self, seconds: float, alarm: int | None) -> None:
        """Let happen what happens next, and keep the times; `seconds` and `alarm` are those of a supervisor's turn."""
        for event in self.program.turn(seconds if self._is_idle else min(seconds, TURN), alarm):
            self.note(event)
        closed_for = self.program.process.closed_for
        if self.ended is not None:
            return
        if closed_for is None:
            self._keep_the_time_out()
        elif closed_for > SECONDS_TO_END and not self._killed:
            self._killed = True
            self.program.process.kill()
            self.note(Killed(time.monotonic()))

    def close_input(self) -> None:
        """Close the program's standard input, if it is open."""
        if self.takes_input:
            self.program.process.close_input()
            self.note(InputClosed(time.monotonic()))

    def note(self, event: Event) -> None:
        """Judge and report what has happened to the program."""
        if isinstance(event, Received):
            event = self._judge.attribute(event)
        complaints = self._judge.see(event)
        if isinstance(event, Received) and self._timed_out:
            event = replace(event, answers=None)
        self._watch(event)
        for complaint in complaints:
            self._watch(complaint)
        if isinstance(event, Ended):
            self.ended = event

    def give_up(self) -> list[bytes]:
        """The lines that will have no reply, when it has failed: all of them once, and none from then on."""
        if self._given_up or not (self._timed_out or self.ended):
            return []
        self._given_up = True
        return [*self.under_way.lines, *self.program.unsent]

    @property
    def _is_idle(self) -> bool:
        """Whether there is no time to be kept."""
        process = self.program.process
        return process.takes_input and process.wakes_at_its_end and not (self.under_way or self.program.unsent)

    def _keep_the_time_out(self) -> None:
        now = time.monotonic()
        oldest = [at for at in (self.under_way.oldest, self.program.stuck_since) if at is not None]
        if oldest and now - min(oldest) > self._time_out:
            self.note(TimedOut(now, self._time_out))
            self._timed_out = True
            self.close_input()

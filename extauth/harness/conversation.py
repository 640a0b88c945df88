"""A program and its judge, kept to the server's times (docs/protocol.md, section 6)."""

from __future__ import annotations

import time
from collections.abc import Callable

from extauth.harness.events import Ended, Event, InputClosed, Killed, TimedOut
from extauth.harness.judge import SECONDS_TO_END, Complaint, Judge
from extauth.harness.program import Program

Watch = Callable[[Event | Complaint], None]

_TURN = 0.01  # seconds: how exactly the end of a program is timed


class Conversation:
    """Drives one program; `watch` is called with every event and, behind it, the complaints about it.

    `time_out` is how many seconds a request may wait for its reply before the program is stopped.
    """

    def __init__(self, program: Program, time_out: float, watch: Watch) -> None:
        self.complaints: list[Complaint] = []
        self.closed_at: float | None = None
        self.ended: Ended | None = None
        self._program = program
        self._time_out = time_out
        self._watch = watch
        self._judge = Judge()
        self._killed = False

    @property
    def serving(self) -> bool:
        """Whether requests can still be sent."""
        return self.closed_at is None and self.ended is None

    def send(self, line: bytes) -> None:
        """Send one line, as soon as the program takes it."""
        self._program.send(line)

    def wait_for_answers(self) -> None:
        """Wait until every line is sent and every request answered."""
        while self.serving and (self._judge.under_way or self._program.stuck_since is not None):
            self.turn()

    def wait(self, seconds: float) -> None:
        """Let a time pass."""
        until = time.monotonic() + seconds
        while self.serving and time.monotonic() < until:
            self.turn()

    def close(self) -> None:
        """Close the program's standard input once every line is sent."""
        while self.serving and self._program.stuck_since is not None:
            self.turn()
        if self.serving:
            self._close_now()

    def finish(self) -> Ended:
        """Wait for the answers, close the program's standard input and wait for its end, or bring it about."""
        self.wait_for_answers()
        self.close()
        while self.ended is None:
            self.turn()
        return self.ended

    def turn(self) -> None:
        """Let happen what happens within a few milliseconds, and keep the times; nothing does after the end."""
        if self.ended:
            return
        for event in self._program.turn(_TURN):
            self._note(event)
        now = time.monotonic()
        if self.serving:
            oldest = [at for at in (self._judge.under_way.oldest, self._program.stuck_since) if at is not None]
            if oldest and now - min(oldest) > self._time_out:
                self._note(TimedOut(now, self._time_out))
                self._close_now()
        elif self.closed_at is not None and now - self.closed_at > SECONDS_TO_END and not self._killed:
            self._killed = True
            self._program.kill()
            self._note(Killed(now))

    def _close_now(self) -> None:
        self._program.close_input()
        self._note(InputClosed(time.monotonic()))

    def _note(self, event: Event) -> None:
        if isinstance(event, InputClosed):
            self.closed_at = event.at
        elif isinstance(event, Ended):
            self.ended = event
        complaints = self._judge.see(event)
        self._watch(event)
        for complaint in complaints:
            self.complaints.append(complaint)
            self._watch(complaint)

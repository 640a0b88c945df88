"""A helper program as the server keeps it: started, timed, stopped, started anew (docs/protocol.md, section 6)."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

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
from extauth.harness.judge import SECONDS_TO_END, Complaint, Judge
from extauth.harness.pending import Pending
from extauth.harness.process import CannotStart
from extauth.harness.program import Program
from extauth.harness.under_way import UnderWay
from extauth.harness.wire import is_interface_request, number_of
from extauth.protocol.requests import Dialect

Watch = Callable[[Event | Complaint], None]

_MAX_COMPLAINTS = 1_000
_TURN = 0.01  # seconds: how exactly the end of a program is timed


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the server's administrator sets for its helper program.

    `time_out`: seconds a request may wait for its reply. `auto_restart`: seconds after which a program that is gone is
    started anew; None: it is not.
    """

    command: Sequence[str]
    base_directory: Path
    time_out: float = 30.0
    auto_restart: float | None = None


class Supervisor:
    """Keeps one program running, from entering the context on; leaving it kills what is left.

    Entering raises CannotStart. `watch` is called with every event and, behind it, the complaints about it.
    What can be read from the descriptor `alarm`, and is left there, cuts a turn short.
    """

    def __init__(self, settings: ServerSettings, watch: Watch, alarm: int | None = None) -> None:
        self.complaints: list[Complaint] = []
        """The first thousand of them."""
        self.complained = 0
        """How many there were."""
        self.dialect = Dialect.CLASSIC
        """The one that the programs have agreed to."""
        self.ended: Ended | None = None
        self.over = False
        """Whether the last program is gone."""
        self._settings = settings
        self._watch = watch
        self._alarm = alarm
        self.program: Program | None = None
        self._judge = Judge()
        self._given_up = False
        self._killed = False
        self._stopping = False
        self._starts_at = 0.0
        self._pending = Pending()
        self._greeting: bytes | None = None

    def __enter__(self) -> Supervisor:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.program is not None:
            self.program.process.discard()

    @property
    def under_way(self) -> UnderWay:
        """What was sent to the program that runs, and is not answered."""
        return self._judge.under_way

    @property
    def serving(self) -> bool:
        """Whether requests can still be sent, now or to a program to come."""
        return self._restarts or (self.program is not None and self.program.process.takes_input)

    def send(self, line: bytes) -> None:
        """Send one line, as soon as a program takes it."""
        if self.program is not None and self.program.process.takes_input:
            self.program.send(line)
        elif self._restarts:
            self._pending.add(line)
        else:
            self._reject(line)

    def wait_for_answers(self) -> None:
        """Wait until every line is sent and every request answered."""
        while self.serving and (self._unsent or (self.program and self._judge.under_way)):
            self.turn()

    def wait(self, seconds: float) -> None:
        """Let a time pass."""
        until = time.monotonic() + seconds
        while self.serving and time.monotonic() < until:
            self.turn()

    def close(self) -> None:
        """Close the program's standard input once every line is sent."""
        while self.serving and self._unsent:
            self.turn()
        self._close_now()

    def finish(self) -> None:
        """Wait for the answers, close the program's standard input and wait for its end, or bring it about."""
        self.wait_for_answers()
        self.close()
        self._see_to_its_end()

    def stop(self) -> None:
        """Close the program's standard input now, and wait for its end, or bring it about."""
        self._close_now()
        self._see_to_its_end()

    def turn(self) -> None:
        """Let happen what happens within a few milliseconds, and keep the times; nothing does after the end."""
        if self.program is not None:
            for event in self.program.turn(_TURN):
                self.note(event)
        else:
            select.select([] if self._alarm is None else [self._alarm], [], [], _TURN)
        if self.program is not None:
            self._keep_times(self.program)
        elif self._restarts and time.monotonic() >= self._starts_at:
            self._restart()

    @property
    def _restarts(self) -> bool:
        """Whether another program follows this one."""
        return self._settings.auto_restart is not None and not (self._stopping or self.over)

    @property
    def _unsent(self) -> bool:
        return bool(self._pending or (self.program and self.program.unsent))

    def _start(self) -> None:
        self.program = Program(self._settings.command, self._settings.base_directory, self._alarm)
        self._judge = Judge()
        self._given_up = self._killed = False
        self.note(Started(time.monotonic()))
        pending = self._pending.take()
        if self._greeting is not None and self._greeting not in pending:
            self.program.send(self._greeting)
        for line in pending:
            self.program.send(line)

    def _restart(self) -> None:
        try:
            self._start()
        except CannotStart as error:
            self._complain(Complaint(str(error)))
            self._lose(None)

    def _keep_times(self, program: Program) -> None:
        now = time.monotonic()
        if program.process.closed_for is None:
            oldest = [at for at in (self._judge.under_way.oldest, program.stuck_since) if at is not None]
            if oldest and now - min(oldest) > self._settings.time_out:
                self.note(TimedOut(now, self._settings.time_out))
                self._give_up(program)
                self._close_input(program)
        elif program.process.closed_for > SECONDS_TO_END and not self._killed:
            self._killed = True
            program.process.kill()
            self.note(Killed(now))

    def _close_now(self) -> None:
        self._stopping = True
        if self.program is None:
            self._be_over()
        elif self.program.process.takes_input:
            self._close_input(self.program)

    def _close_input(self, program: Program) -> None:
        program.process.close_input()
        self.note(InputClosed(time.monotonic()))

    def _see_to_its_end(self) -> None:
        while not self.over:
            self.turn()

    def _give_up(self, program: Program) -> None:
        """What has no reply by now gets none from this program."""
        self._given_up = True
        self._pending.add_again([*self._judge.under_way.lines, *program.unsent])
        if not self._restarts:
            self._reject_pending()

    def _lose(self, ended: Ended | None) -> None:
        """The program is gone, or did not start: there will be another, or none."""
        auto_restart = self._settings.auto_restart
        if auto_restart is None or not self._restarts or self._judge.told_to_quit:
            self._be_over()
            return
        for line in self._pending.outlive():
            self._reject(line)
        now = time.monotonic()
        self._starts_at = now + auto_restart
        self.note(Restarting(now, auto_restart, len(self._pending), ended))

    def _be_over(self) -> None:
        self.over = True
        self._reject_pending()

    def _reject_pending(self) -> None:
        for line in self._pending.take():
            self._reject(line)

    def _reject(self, line: bytes) -> None:
        if number_of(line) is not None:
            self.note(Rejected(time.monotonic(), line))

    def note(self, event: Event) -> None:
        """Judge and report what has happened to the program."""
        if isinstance(event, Received):
            event = self._judge.attribute(event)
            if event.answers and event.answers.line == self._greeting and event.line.split(b" ", 2)[1:2] == [b"INTF"]:
                self.dialect = Dialect.HELPER
        elif isinstance(event, Sent) and is_interface_request(event.line):
            self._greeting = event.line
        complaints = self._judge.see(event)
        if isinstance(event, Received) and self._given_up:
            event = replace(event, answers=None)
        self._watch(event)
        for complaint in complaints:
            self._complain(complaint)
        if isinstance(event, Ended):
            self._bury(event)

    def _bury(self, ended: Ended) -> None:
        program, self.program = self.program, None
        assert program is not None
        if not self._given_up:
            self._give_up(program)
        program.process.discard()
        self.ended = ended
        self._lose(ended)

    def _complain(self, complaint: Complaint) -> None:
        self.complained += 1
        if len(self.complaints) < _MAX_COMPLAINTS:
            self.complaints.append(complaint)
        self._watch(complaint)

"""One program after another, as the server keeps them going: Auto-Restart of docs/protocol.md, section 6."""

from __future__ import annotations

import select
import time
from types import TracebackType

from extauth.harness.events import Ended, Event, Received, Rejected, Restarting, Sent
from extauth.harness.judge import Complaint
from extauth.harness.life import TURN, Life, ServerSettings, Watch
from extauth.harness.pending import Pending
from extauth.harness.process import CannotStart
from extauth.harness.wire import is_interface_request, number_of
from extauth.protocol.requests import Dialect

_MAX_COMPLAINTS = 1_000


class Supervisor:
    """Keeps a program running, from entering the context on; leaving it kills what is left.

    Entering raises CannotStart. `watch` is called with every event and, behind it, the complaints about it.
    """

    def __init__(self, settings: ServerSettings, watch: Watch) -> None:
        self.life: Life | None = None
        """The program that runs, if one does."""
        self.dialect = Dialect.CLASSIC
        """The one that the programs have agreed to."""
        self.complaints: list[Complaint] = []
        """The first thousand of them."""
        self.complained = 0
        """How many there were."""
        self.ended: Ended | None = None
        """How the last program that is gone ended."""
        self._settings = settings
        self._watch = watch
        self._pending = Pending()
        self._greeting: bytes | None = None
        self._starts_at = 0.0
        self._stopping = False
        self._over = False

    def __enter__(self) -> Supervisor:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.life is not None:
            self.life.program.process.discard()

    @property
    def serving(self) -> bool:
        """Whether requests can still be sent, now or to a program to come."""
        return self._restarts or (self.life is not None and self.life.takes_input)

    def send(self, line: bytes) -> None:
        """Send one line, as soon as a program takes it."""
        if self.life is not None and self.life.takes_input:
            self.life.program.send(line)
        elif self._restarts:
            self._pending.add(line)
        else:
            self._reject([line])

    def wait_for_answers(self) -> None:
        """Wait until every line is sent and every request answered."""
        while self.serving and (self._unsent or (self.life and self.life.under_way)):
            self.turn()

    def wait(self, seconds: float) -> None:
        """Let a time pass."""
        until = time.monotonic() + seconds
        while self.serving and (left := until - time.monotonic()) > 0:
            self.turn(left)

    def close(self) -> None:
        """Close the program's standard input once every line is sent; no other program follows."""
        while self.serving and self._unsent:
            self.turn()
        self._stopping = True
        if self.life is not None:
            self.life.close_input()

    def finish(self) -> None:
        """Wait for the answers, close the program's standard input and wait for its end, or bring it about."""
        self.wait_for_answers()
        self.close()
        self.stop()

    def stop(self) -> None:
        """Close the program's standard input now, and wait for its end, or bring it about."""
        self._stopping = True
        if self.life is not None:
            self.life.close_input()
        while self.life is not None:
            self.turn()
        self._be_over()

    def turn(self, seconds: float = TURN, alarm: int | None = None) -> None:
        """Let happen what happens next, waiting up to `seconds` for it; nothing does after the end.

        It waits less where a time is to be kept. What can be read from the descriptor `alarm` cuts it short.
        """
        if self.life is not None:
            self._live(self.life, seconds, alarm)
            return
        select.select([] if alarm is None else [alarm], [], [], min(seconds, TURN) if self._restarts else seconds)
        if self._restarts and time.monotonic() >= self._starts_at:
            try:
                self._start()
            except CannotStart as error:
                self._see(Complaint(str(error)))
                self._lose(None)

    @property
    def _restarts(self) -> bool:
        """Whether another program follows."""
        return self._settings.auto_restart is not None and not (self._stopping or self._over)

    @property
    def _unsent(self) -> bool:
        return bool(self._pending or (self.life and self.life.program.unsent))

    def _start(self) -> None:
        self.life = Life(self._settings, self._see)
        pending = self._pending.take()
        if self._greeting is not None and self._greeting not in pending:
            self.life.program.send(self._greeting)
        for line in pending:
            self.life.program.send(line)

    def _live(self, life: Life, seconds: float, alarm: int | None) -> None:
        life.turn(seconds, alarm)
        self._pending.add_again(life.give_up())
        if life.ended is not None:
            self.life, self.ended = None, life.ended
            life.program.process.discard()
            self._stopping = self._stopping or life.told_to_quit
            self._lose(life.ended)
        elif not self.serving:
            self._reject(self._pending.take())

    def _lose(self, ended: Ended | None) -> None:
        """The program is gone, or did not start: there will be another, or none."""
        seconds = self._settings.auto_restart
        if seconds is None or not self._restarts:
            self._be_over()
            return
        self._reject(self._pending.outlive())
        now = time.monotonic()
        self._starts_at = now + seconds
        self._see(Restarting(now, seconds, len(self._pending), ended))

    def _be_over(self) -> None:
        self._over = True
        self._reject(self._pending.take())

    def _reject(self, lines: list[bytes]) -> None:
        for line in lines:
            number = number_of(line)
            if number is not None:
                self._see(Rejected(time.monotonic(), number))

    def _see(self, event: Event | Complaint) -> None:
        match event:
            case Complaint():
                self.complained += 1
                if len(self.complaints) < _MAX_COMPLAINTS:
                    self.complaints.append(event)
            case Sent() if is_interface_request(event.line):
                self._greeting = event.line
            case Received() if event.answers and event.answers.line == self._greeting:
                if event.line.split(b" ", 2)[1:2] == [b"INTF"]:
                    self.dialect = Dialect.HELPER
        self._watch(event)

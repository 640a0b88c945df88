"""One program run after another, as the mail server does it: Auto-Restart (docs/protocol.md, section 6)."""

from __future__ import annotations

import select
import time
from types import TracebackType

from extauth.harness.events import Event, LineReceived, LineSent, ProgramEnded, ProgramRestarting, RequestRejected
from extauth.harness.lines import is_interface_request, number_of
from extauth.harness.process import CannotStart
from extauth.harness.program import TICK, EventHandler, ProgramRun, ProgramSettings
from extauth.harness.protocol_checker import Violation
from extauth.harness.request_queues import ResendQueue
from extauth.protocol.requests import Dialect

_MAX_VIOLATIONS = 1_000


class ProgramManager:
    """Keep a program running while the context is open. At its end the program is killed if it still runs.

    Entering the context raises CannotStart. `on_event` gets all events and violations.
    """

    def __init__(self, settings: ProgramSettings, on_event: EventHandler) -> None:
        self.program_run: ProgramRun | None = None
        """The program that runs now, if there is one."""
        self.dialect = Dialect.CLASSIC
        """The dialect that the programs have accepted."""
        self.violations: list[Violation] = []
        """The first thousand violations."""
        self.violation_count = 0
        """The number of all violations."""
        self.ended: ProgramEnded | None = None
        """How the last program ended."""
        self._settings = settings
        self._on_event = on_event
        self._to_send = ResendQueue()
        self._interface_request: bytes | None = None
        self._starts_at = 0.0
        self._stopping = False
        self._stopped = False

    def __enter__(self) -> ProgramManager:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.program_run is not None:
            self.program_run.program.process.discard()

    @property
    def serving(self) -> bool:
        """Whether requests can be sent, to this program or to the next one."""
        return self._restarts or (self.program_run is not None and self.program_run.takes_input)

    def send(self, line: bytes) -> None:
        """Send one line when a program takes it."""
        if self.program_run is not None and self.program_run.takes_input:
            self.program_run.program.send(line)
        elif self._restarts:
            self._to_send.add(line)
        else:
            self._reject([line])

    def wait_for_replies(self) -> None:
        """Wait until each line is sent and each request is answered."""
        while self.serving and (self._unsent or (self.program_run and self.program_run.under_way)):
            self.run_once()

    def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`. Events are still handled."""
        until = time.monotonic() + seconds
        while self.serving and (left := until - time.monotonic()) > 0:
            self.run_once(left)

    def close_input(self) -> None:
        """Close the program's standard input when each line is sent. There is no restart after that."""
        while self.serving and self._unsent:
            self.run_once()
        self._stopping = True
        if self.program_run is not None:
            self.program_run.close_input()

    def finish(self) -> None:
        """Wait for all replies, close the program's standard input and wait for its end. It is killed if it is late."""
        self.wait_for_replies()
        self.close_input()
        self.stop()

    def stop(self) -> None:
        """Close the program's standard input now and wait for its end. It is killed if it is late."""
        self._stopping = True
        if self.program_run is not None:
            self.program_run.close_input()
        while self.program_run is not None:
            self.run_once()
        self._stop()

    def run_once(self, seconds: float = TICK, wake_up: int | None = None) -> None:
        """Handle the next events, after a wait of up to `seconds`.

        The wait is shorter if a time-out runs, or if the descriptor `wake_up` becomes readable.
        """
        if self.program_run is not None:
            self._run_program(self.program_run, seconds, wake_up)
            return
        select.select([] if wake_up is None else [wake_up], [], [], min(seconds, TICK) if self._restarts else seconds)
        if self._restarts and time.monotonic() >= self._starts_at:
            try:
                self._start()
            except CannotStart as error:
                self._report(Violation(str(error)))
                self._restart_or_stop(None)

    @property
    def _restarts(self) -> bool:
        """Whether another program follows the end of this one."""
        return self._settings.auto_restart is not None and not (self._stopping or self._stopped)

    @property
    def _unsent(self) -> bool:
        return bool(self._to_send or (self.program_run and self.program_run.program.unsent))

    def _start(self) -> None:
        self.program_run = ProgramRun(self._settings, self._report)
        lines = self._to_send.take_all()
        if self._interface_request is not None and self._interface_request not in lines:
            self.program_run.program.send(self._interface_request)
        for line in lines:
            self.program_run.program.send(line)

    def _run_program(self, program_run: ProgramRun, seconds: float, wake_up: int | None) -> None:
        program_run.run_once(seconds, wake_up)
        self._to_send.add_unanswered(program_run.take_unanswered())
        if program_run.ended is not None:
            self.program_run, self.ended = None, program_run.ended
            program_run.program.process.discard()
            self._stopping = self._stopping or program_run.quit_sent
            self._restart_or_stop(program_run.ended)
        elif not self.serving:
            self._reject(self._to_send.take_all())

    def _restart_or_stop(self, ended: ProgramEnded | None) -> None:
        """Plan a restart if there is one, after the program has ended or could not start."""
        seconds = self._settings.auto_restart
        if seconds is None or not self._restarts:
            self._stop()
            return
        self._reject(self._to_send.count_run())
        now = time.monotonic()
        self._starts_at = now + seconds
        self._report(ProgramRestarting(now, seconds, len(self._to_send), ended))

    def _stop(self) -> None:
        self._stopped = True
        self._reject(self._to_send.take_all())

    def _reject(self, lines: list[bytes]) -> None:
        for line in lines:
            number = number_of(line)
            if number is not None:
                self._report(RequestRejected(time.monotonic(), number))

    def _report(self, event: Event | Violation) -> None:
        match event:
            case Violation():
                self.violation_count += 1
                if len(self.violations) < _MAX_VIOLATIONS:
                    self.violations.append(event)
            case LineSent() if is_interface_request(event.line):
                self._interface_request = event.line
            case LineReceived() if event.request and event.request.line == self._interface_request:
                if event.line.split(b" ", 2)[1:2] == [b"INTF"]:
                    self.dialect = Dialect.HELPER
        self._on_event(event)

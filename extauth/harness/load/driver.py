"""Send hundreds of thousands of requests a second and check each reply.

An event and a protocol check for each line would cost several times as much as the line itself. A fast program would
wait for the harness. So there is a fast path for correct replies: a reply is matched by its number, and its text was
checked before without a violation.

All other lines take the normal path, as events of a program manager with their requests. These are new texts and lines
that answer nothing. All requests under way take it too when a reply is overdue, or when the program stops reading or
ends. So violations, time-outs and Auto-Restart are the same on both paths.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from extauth.harness.events import Event, InputClosed, LineReceived, LineSent, RequestRejected
from extauth.harness.lines import received
from extauth.harness.load.pace import Pace
from extauth.harness.load.traffic import RequestGenerator
from extauth.harness.process import Process
from extauth.harness.program import ProgramRun
from extauth.harness.program_manager import ProgramManager
from extauth.harness.protocol_checker import Violation
from extauth.harness.statistics import Statistics
from extauth.protocol.replies import TEMPORARY_FAILURE

_MAX_UNWRITTEN = 65_536  # bytes
_MAX_CHECKED = 1_000  # texts of replies
_MAX_SHOWN = 5  # unexpected replies of one kind
_CHECK_EVERY = 0.01  # seconds

_FAILURE = b"FAILURE"  # the status of a temporary failure, in both of its forms
_ERROR_TEMPORARY = b"ERROR " + TEMPORARY_FAILURE.encode()

RequestsLeft = Callable[[int, float], int]
"""Returns how many requests are left, from the number of sent requests and the seconds since the start."""

_Request = tuple[float, float, bytes, bytes]  # when it was due, when it was sent, its text, the expected status


@dataclass(frozen=True, slots=True)
class UnexpectedReply:
    """A reply with another status than the expected one."""

    request: bytes = field(repr=False)
    reply: bytes = field(repr=False)
    expected: bytes
    """The status that the reply must have."""


class UnexpectedReplies:
    """The number of unexpected replies of one kind, and the first five."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[UnexpectedReply] = []

    def add(self, reply: UnexpectedReply) -> None:
        """Add a reply."""
        self.count += 1
        if len(self.first) < _MAX_SHOWN:
            self.first.append(reply)


class LoadDriver:
    """Sends requests at a pace, checks and counts each reply.

    `handle_event` must get all events and violations of the program manager.
    """

    def __init__(self, generator: RequestGenerator) -> None:
        self.statistics = Statistics()
        self.wrong = UnexpectedReplies()
        """Right passwords that were not accepted, and wrong ones that were."""
        self.temporary_failures = UnexpectedReplies()
        """Replies that the program could not check the password."""
        self._generator = generator
        self._last_number = 0
        self._under_way: dict[bytes, _Request] = {}
        self._normal_path: dict[bytes, _Request] = {}
        self._checked_texts: dict[bytes, bytes] = {}
        self._unwritten = b""
        self._violation_seen = False
        self._checked_at = 0.0

    def warm_up(self, manager: ProgramManager) -> bool:
        """Send one request and wait for its reply. Return whether it came. It is checked, but not counted."""
        now = time.monotonic()
        [(request, status)] = self._generator.draw(1)
        number = self._next_number()
        self._normal_path[number] = (now, now, request, status)
        manager.send(_line(number, request))
        manager.wait_for_replies()
        replied = self.statistics.replies > 0
        self.statistics = Statistics()
        self.wrong.count = self.temporary_failures.count = 0
        return replied

    def run(self, manager: ProgramManager, time_out: float, pace: Pace, left: RequestsLeft) -> None:
        """Send requests until none is left. Wait for the last reply, or for the end of the last program."""
        began, first = time.monotonic(), self._last_number
        pace.begin(began)
        while manager.serving:
            now = time.monotonic()
            more = left(self._last_number - first, now - began)
            if more <= 0 and not self._under_way:
                break
            program_run = manager.program_run
            if program_run is None or not program_run.takes_input:
                manager.run_once()
                manager.wait_for_replies()
                continue
            process = program_run.program.process
            self._send(now, pace, more)
            self._write(program_run, process)
            process.wait(pace.until_next(time.monotonic(), len(self._under_way)), to_write=bool(self._unwritten))
            self._receive(program_run)
            if self._is_stopped(process, time_out):
                self._move_all_to_normal_path(program_run)
                manager.wait_for_replies()

    def handle_event(self, event: Event | Violation) -> None:
        """Check and count a reply on the normal path."""
        if isinstance(event, LineReceived) and event.request is not None:
            number, _, text = event.line.partition(b" ")
            request = self._normal_path.pop(number, None)
            if request is not None:
                self._check(number, request, text, _status_of(text))
                self.statistics.add_replies(event.at, [event.at - request[0]], [text])
            return
        if isinstance(event, Violation):
            self._violation_seen = True
        elif isinstance(event, RequestRejected):
            self._normal_path.pop(event.number, None)
        self.statistics.handle_event(event)

    def _send(self, now: float, pace: Pace, more: int) -> None:
        if more <= 0 or len(self._unwritten) >= _MAX_UNWRITTEN:
            return
        requests = self._generator.draw(min(more, pace.count(now, len(self._under_way))))
        now = time.monotonic()  # the time of the draw does not count
        lines = [self._unwritten]
        for due, (request, status) in zip(pace.due(now, len(requests)), requests, strict=True):
            number = self._next_number()
            self._under_way[number] = (due, now, request, status)
            lines.append(number + request)
        self._unwritten = b"".join(lines)

    def _write(self, program_run: ProgramRun, process: Process) -> None:
        try:
            if self._unwritten:
                self._unwritten = self._unwritten[process.write(self._unwritten) :]
        except BrokenPipeError:
            self._move_all_to_normal_path(program_run)
            process.close_input()
            program_run.report(InputClosed(time.monotonic(), by_program=True))

    def _receive(self, program_run: ProgramRun) -> None:
        lines = program_run.program.splitter.split(program_run.program.process.read())
        if not lines:
            return
        now = time.monotonic()
        times: list[float] = []
        texts: list[bytes] = []
        pop, checked_status = self._under_way.pop, self._checked_texts.get
        for line in lines:
            number, _, text = line.partition(b" ")
            status = checked_status(text)
            request = pop(number, None) if status is not None else None
            if request is None or status is None:
                self._receive_on_normal_path(program_run, received(now, line))
                continue
            if status != request[3]:
                self._check(number, request, text, status)
            times.append(now - request[0])
            texts.append(text)
        self.statistics.add_replies(now, times, texts)

    def _receive_on_normal_path(self, program_run: ProgramRun, event: LineReceived) -> None:
        number, _, text = event.line.partition(b" ")
        if number in self._under_way:
            self._move_to_normal_path(program_run, number)
        elif self._was_sent(number):
            program_run.under_way.remember_answered(number)
        self._violation_seen = False
        program_run.report(event)
        if not self._violation_seen and len(self._checked_texts) < _MAX_CHECKED:
            self._checked_texts[text] = _status_of(text)

    def _next_number(self) -> bytes:
        self._last_number += 1
        return b"%06d" % self._last_number

    def _was_sent(self, number: bytes) -> bool:
        """Return whether a request with this number was sent."""
        return number.isdigit() and int(number) <= self._last_number and number == b"%06d" % int(number)

    def _is_stopped(self, process: Process, time_out: float) -> bool:
        """Return whether a reply is overdue, or no more replies can come. This is checked every 10 milliseconds."""
        now = time.monotonic()
        if now - self._checked_at < _CHECK_EVERY and not process.at_end_of_output:
            return False
        self._checked_at = now
        oldest = next((request[1] for request in self._under_way.values()), now)
        return now - oldest > time_out or process.at_end_of_output or process.status is not None

    def _move_to_normal_path(self, program_run: ProgramRun, number: bytes) -> None:
        request = self._normal_path[number] = self._under_way.pop(number)
        program_run.report(LineSent(request[1], _line(number, request[2])))

    def _move_all_to_normal_path(self, program_run: ProgramRun) -> None:
        self._unwritten = b""
        for number in list(self._under_way):
            self._move_to_normal_path(program_run, number)

    def _check(self, number: bytes, request: _Request, text: bytes, status: bytes) -> None:
        if status == request[3]:
            return
        replies = self.temporary_failures if status == _FAILURE else self.wrong
        replies.add(UnexpectedReply(_line(number, request[2]), text, request[3]))


def _status_of(reply: bytes) -> bytes:
    """Return the status of a reply without its number. `ERROR temporary failure` counts as FAILURE (section 4)."""
    return _FAILURE if reply == _ERROR_TEMPORARY else reply.partition(b" ")[0]


def _line(number: bytes, request: bytes) -> bytes:
    return number + request.removesuffix(b"\n")

"""The quick way to a program and back: hundreds of thousands of requests a second.

One event for every line, and a judge who looks at each of them, cost several times what the lines themselves do: a
quick program would wait for the harness. So as long as a program does as it must, its lines go past both. A reply is
matched by its number, and its text is one that the judge has seen before and had nothing to say about.

All else goes the ordinary way of a supervisor's events, at once and together with the request that it belongs to: a
text that is new, a line that answers nothing, and whatever is under way when a reply is overdue, when the program reads
no more, or when it is gone. So complaints, time-out and Auto-Restart are the same ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from extauth.harness.events import Event, InputClosed, Received, Rejected, Sent
from extauth.harness.judge import Complaint
from extauth.harness.life import Life
from extauth.harness.load.answers import CANNOT_TELL, Answer, Answers, said
from extauth.harness.load.pace import Pace
from extauth.harness.load.traffic import Traffic
from extauth.harness.process import Process
from extauth.harness.splitter import received
from extauth.harness.statistics import Statistics
from extauth.harness.supervisor import Supervisor

_MAX_UNWRITTEN = 65_536  # bytes
_MAX_KNOWN = 1_000  # texts of replies
_CHECK_EVERY = 0.01  # seconds

Left = Callable[[int, float], int]
"""How many requests are still to be sent, after so many and so many seconds."""

_Asked = tuple[float, float, bytes, bytes]  # since when it is due, when it was sent, what it says, the right status


class Bulk:
    """Sends requests at a pace, checks every reply and counts them.

    `see` has to be called with all that the supervisor reports.
    """

    def __init__(self, traffic: Traffic) -> None:
        self.statistics = Statistics()
        self.wrong = Answers()
        """A right password was not accepted, or a wrong one was."""
        self.untold = Answers()
        """The program could not tell whether the password is right."""
        self._traffic = traffic
        self._last_number = 0
        self._under_way: dict[bytes, _Asked] = {}
        self._handed_over: dict[bytes, _Asked] = {}
        self._known: dict[bytes, bytes] = {}
        self._unwritten = b""
        self._complained = False
        self._checked_at = 0.0

    def warm_up(self, supervisor: Supervisor) -> bool:
        """Ask one request and wait for its reply, which is checked and not counted: whether there was one."""
        now = time.monotonic()
        [(request, status)] = self._traffic.draw(1)
        number = self._next_number()
        self._handed_over[number] = (now, now, request, status)
        supervisor.send(_line(number, request))
        supervisor.wait_for_answers()
        replied = self.statistics.replies > 0
        self.statistics = Statistics()
        self.wrong.count = self.untold.count = 0
        return replied

    def run(self, supervisor: Supervisor, time_out: float, pace: Pace, left: Left) -> None:
        """Send requests until none is left, and wait for the last reply, or for the end of the last program."""
        began, first = time.monotonic(), self._last_number
        pace.begin(began)
        while supervisor.serving:
            now = time.monotonic()
            more = left(self._last_number - first, now - began)
            if more <= 0 and not self._under_way:
                break
            life = supervisor.life
            if life is None or not life.takes_input:
                supervisor.turn()
                supervisor.wait_for_answers()
                continue
            process = life.program.process
            self._send(now, pace, more)
            self._write(life, process)
            process.wait(pace.until_next(time.monotonic(), len(self._under_way)), to_write=bool(self._unwritten))
            self._take(life)
            if self._is_stopped(process, time_out):
                self._hand_all_over(life)
                supervisor.wait_for_answers()

    def see(self, event: Event | Complaint) -> None:
        """Count what went the ordinary way."""
        if isinstance(event, Received) and event.answers is not None:
            number, _, text = event.line.partition(b" ")
            asked = self._handed_over.pop(number, None)
            if asked is not None:
                self._check(number, asked, text, said(text))
                self.statistics.answered(event.at, [event.at - asked[0]], [text])
            return
        if isinstance(event, Complaint):
            self._complained = True
        elif isinstance(event, Rejected):
            self._handed_over.pop(event.number, None)
        self.statistics.see(event)

    def _send(self, now: float, pace: Pace, more: int) -> None:
        if more <= 0 or len(self._unwritten) >= _MAX_UNWRITTEN:
            return
        asks = self._traffic.draw(min(more, pace.count(now, len(self._under_way))))
        now = time.monotonic()  # making them does not count
        lines = [self._unwritten]
        for due, (request, status) in zip(pace.due(now, len(asks)), asks, strict=True):
            number = self._next_number()
            self._under_way[number] = (due, now, request, status)
            lines.append(number + request)
        self._unwritten = b"".join(lines)

    def _write(self, life: Life, process: Process) -> None:
        try:
            if self._unwritten:
                self._unwritten = self._unwritten[process.write(self._unwritten) :]
        except BrokenPipeError:
            self._hand_all_over(life)
            process.close_input()
            life.note(InputClosed(time.monotonic(), by_program=True))

    def _take(self, life: Life) -> None:
        lines = life.program.splitter.split(life.program.process.read())
        if not lines:
            return
        now = time.monotonic()
        times: list[float] = []
        texts: list[bytes] = []
        pop, known = self._under_way.pop, self._known.get
        for line in lines:
            number, _, text = line.partition(b" ")
            status = known(text)
            asked = pop(number, None) if status is not None else None
            if asked is None or status is None:
                self._take_the_ordinary_way(life, received(now, line))
                continue
            if status != asked[3]:
                self._check(number, asked, text, status)
            times.append(now - asked[0])
            texts.append(text)
        self.statistics.answered(now, times, texts)

    def _take_the_ordinary_way(self, life: Life, event: Received) -> None:
        number, _, text = event.line.partition(b" ")
        if number in self._under_way:
            self._hand_over(life, number)
        elif self._was_sent(number):
            life.under_way.remember(number)
        self._complained = False
        life.note(event)
        if not self._complained and len(self._known) < _MAX_KNOWN:
            self._known[text] = said(text)

    def _next_number(self) -> bytes:
        self._last_number += 1
        return b"%06d" % self._last_number

    def _was_sent(self, number: bytes) -> bool:
        """Whether `number` is one of those that are counted through."""
        return number.isdigit() and int(number) <= self._last_number and number == b"%06d" % int(number)

    def _is_stopped(self, process: Process, time_out: float) -> bool:
        """Whether no reply is to be expected any more, or one is overdue; looked at from time to time."""
        now = time.monotonic()
        if now - self._checked_at < _CHECK_EVERY and not process.at_end_of_output:
            return False
        self._checked_at = now
        oldest = next((asked[1] for asked in self._under_way.values()), now)
        return now - oldest > time_out or process.at_end_of_output or process.status is not None

    def _hand_over(self, life: Life, number: bytes) -> None:
        asked = self._handed_over[number] = self._under_way.pop(number)
        life.note(Sent(asked[1], _line(number, asked[2])))

    def _hand_all_over(self, life: Life) -> None:
        self._unwritten = b""
        for number in list(self._under_way):
            self._hand_over(life, number)

    def _check(self, number: bytes, asked: _Asked, text: bytes, status: bytes) -> None:
        if status == asked[3]:
            return
        answers = self.untold if status == CANNOT_TELL else self.wrong
        answers.add(Answer(_line(number, asked[2]), text, asked[3]))


def _line(number: bytes, request: bytes) -> bytes:
    return number + request.removesuffix(b"\n")

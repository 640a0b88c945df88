"""What the server would trip over (docs/protocol.md, sections 2, 4 and 5). Pure: events in, complaints out."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from extauth.harness.events import Ended, Event, InputClosed, Killed, Received, Sent, TimedOut
from extauth.harness.under_way import UnderWay
from extauth.harness.wire import NUMBER, STATUSES, is_information, number_of
from extauth.protocol.replies import MAX_REPLY

SECONDS_TO_END = 5.0
"""How long a program may live after its standard input was closed."""

_REPLY = re.compile(NUMBER + rb" (" + b"|".join(STATUSES) + rb")( .*)?", re.DOTALL)
_QUIT = re.compile(NUMBER + rb" QUIT\r?")
_MAX_NAMED = 10  # requests that have no reply
_EARLY = "ended or stopped reading before its standard input was closed"
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something the server would trip over, and the line it is about."""

    text: str
    line: bytes | None = field(default=None, repr=False)


class Judge:
    """Watches one program from its start to its end."""

    def __init__(self) -> None:
        self.under_way = UnderWay()
        self.told_to_quit = False
        self._closed = False
        self._killed = False
        self._timed_out: TimedOut | None = None

    def attribute(self, event: Received) -> Received:
        """`event` with the request that it answers, which is under way no more."""
        number = None if is_information(event.line) else number_of(event.line)
        return event if number is None else replace(event, answers=self.under_way.answer(number))

    def see(self, event: Event) -> list[Complaint]:
        """What is wrong with `event`, after all that was seen before it."""
        match event:
            case Sent():
                self._sent(event)
            case Received():
                return [*self._line_complaints(event), *self._reply_complaints(event)]
            case InputClosed():
                self._closed = True
                if event.by_program and not self.told_to_quit:
                    return [Complaint(_EARLY)]
            case TimedOut():
                self._timed_out = event
                if not self.under_way:
                    return [Complaint(f"took no input for {event.seconds:g} seconds")]
            case Killed():
                self._killed = True
                return [Complaint(f"not gone {SECONDS_TO_END:g} seconds after its standard input was closed: killed")]
            case Ended():
                return [*self._end_complaints(event)]
        return []

    def _sent(self, event: Sent) -> None:
        number = number_of(event.line)
        if number is not None and not self.told_to_quit:  # what follows a QUIT is not read
            self.under_way.add(number, event)
        self.told_to_quit = self.told_to_quit or _QUIT.fullmatch(event.line) is not None

    def _line_complaints(self, event: Received) -> Iterator[Complaint]:
        if event.overlong:
            yield Complaint(f"a line over {MAX_REPLY:,} bytes", event.line)
        if not event.terminated:
            yield Complaint("the last line is not terminated", event.line)
        if _CONTROL.search(event.line):
            yield Complaint("a control character in a line", event.line)

    def _reply_complaints(self, event: Received) -> Iterator[Complaint]:
        line = event.line
        if is_information(line):
            return
        late = " after standard input was closed" if self._closed else ""
        number = number_of(line) or b""
        is_reply = _REPLY.fullmatch(line) is not None
        if not is_reply:
            yield Complaint("neither a known reply nor an information line" + late, line)
        if event.answers:
            if self._timed_out:
                yield Complaint("a reply only after standard input was closed: not flushed, or too late", line)
        elif self.under_way.was_answered(number):
            yield Complaint("a repeated number" + late, line)
        elif is_reply:
            yield Complaint("an unknown number" + late, line)

    def _end_complaints(self, event: Ended) -> Iterator[Complaint]:
        within = f" within {self._timed_out.seconds:g} seconds" if self._timed_out else ""
        numbers = self.under_way.numbers
        for number in numbers[:_MAX_NAMED]:
            yield Complaint(f"no reply to {number.decode()}{within}")
        if len(numbers) > _MAX_NAMED:
            yield Complaint(f"no reply to {len(numbers) - _MAX_NAMED:,} more{within}")
        if not (self._closed or self.told_to_quit):
            yield Complaint(_EARLY)
        if event.status > 0:
            yield Complaint(f"exit status {event.status}")
        elif event.status < 0 and not self._killed:
            yield Complaint(f"ended by {signal_name(event.status)}")
        if event.left_behind:
            yield Complaint("left a process behind: killed")
        if event.standard_error_full:
            yield Complaint("standard error is full, and the server reads it only after the end")


def signal_name(status: int) -> str:
    """The signal that a negative exit status stands for."""
    try:
        return signal.Signals(-status).name
    except ValueError:  # real-time signals have no name of their own
        return f"signal {-status}"

"""Violations of the protocol (docs/protocol.md, sections 2, 4 and 5). Pure: events in, violations out."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from extauth.harness.events import (
    Event,
    InputClosed,
    LineReceived,
    LineSent,
    ProgramEnded,
    ProgramKilled,
    RequestTimedOut,
)
from extauth.harness.lines import NUMBER, STATUSES, is_information, number_of
from extauth.harness.request_queues import RequestsUnderWay
from extauth.protocol.replies import MAX_REPLY

SECONDS_TO_END = 5.0
"""How long a program may run after its standard input was closed."""

_REPLY = re.compile(NUMBER + rb" (" + b"|".join(STATUSES) + rb")( .*)?", re.DOTALL)
_QUIT = re.compile(NUMBER + rb" QUIT\r?")
_MAX_NAMED = 10  # requests without a reply
_EARLY = "ended or stopped reading before its standard input was closed"
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of the protocol, and the line with it, if there is one."""

    text: str
    line: bytes | None = field(default=None, repr=False)


class ProtocolChecker:
    """Checks one program from its start to its end."""

    def __init__(self) -> None:
        self.under_way = RequestsUnderWay()
        self.quit_sent = False
        self._closed = False
        self._killed = False
        self._timed_out: RequestTimedOut | None = None

    def match_request(self, event: LineReceived) -> LineReceived:
        """Return `event` with the request that it replies to. That request is no longer under way."""
        number = None if is_information(event.line) else number_of(event.line)
        return event if number is None else replace(event, request=self.under_way.take(number))

    def check(self, event: Event) -> list[Violation]:
        """Return the violations in `event`. Events must come in their order."""
        match event:
            case LineSent():
                self._sent(event)
            case LineReceived():
                return [*self._line_violations(event), *self._reply_violations(event)]
            case InputClosed():
                self._closed = True
                if event.by_program and not self.quit_sent:
                    return [Violation(_EARLY)]
            case RequestTimedOut():
                self._timed_out = event
                if not self.under_way:
                    return [Violation(f"read no input for {event.seconds:g} seconds")]
            case ProgramKilled():
                self._killed = True
                running = f"still running {SECONDS_TO_END:g} seconds after its standard input was closed; killed"
                return [Violation(running)]
            case ProgramEnded():
                return [*self._end_violations(event)]
        return []

    def _sent(self, event: LineSent) -> None:
        number = number_of(event.line)
        if number is not None and not self.quit_sent:  # the program reads nothing after QUIT
            self.under_way.add(number, event)
        self.quit_sent = self.quit_sent or _QUIT.fullmatch(event.line) is not None

    def _line_violations(self, event: LineReceived) -> Iterator[Violation]:
        if event.overlong:
            yield Violation(f"line over {MAX_REPLY:,} bytes", event.line)
        if not event.terminated:
            yield Violation("the last line has no line end", event.line)
        if _CONTROL.search(event.line):
            yield Violation("control character in a line", event.line)

    def _reply_violations(self, event: LineReceived) -> Iterator[Violation]:
        line = event.line
        if is_information(line):
            return
        late = " after standard input was closed" if self._closed else ""
        number = number_of(line) or b""
        is_reply = _REPLY.fullmatch(line) is not None
        if not is_reply:
            yield Violation("not a valid reply or information line" + late, line)
        if event.request:
            if self._timed_out:
                yield Violation("reply only after standard input was closed, not flushed or too late", line)
        elif self.under_way.was_answered(number):
            yield Violation("repeated number" + late, line)
        elif is_reply:
            yield Violation("unknown number" + late, line)

    def _end_violations(self, event: ProgramEnded) -> Iterator[Violation]:
        within = f" within {self._timed_out.seconds:g} seconds" if self._timed_out else ""
        numbers = self.under_way.numbers
        for number in numbers[:_MAX_NAMED]:
            yield Violation(f"no reply to {number.decode()}{within}")
        if len(numbers) > _MAX_NAMED:
            yield Violation(f"no reply to {len(numbers) - _MAX_NAMED:,} more{within}")
        if not (self._closed or self.quit_sent):
            yield Violation(_EARLY)
        if event.status > 0:
            yield Violation(f"exit status {event.status}")
        elif event.status < 0 and not self._killed:
            yield Violation(f"ended by {signal_name(event.status)}")
        if event.left_behind:
            yield Violation("left a process behind; killed")
        if event.standard_error_full:
            yield Violation("standard error is full; the mail server reads it only after the end")


def signal_name(status: int) -> str:
    """Return the name of the signal that a negative exit status stands for."""
    try:
        return signal.Signals(-status).name
    except ValueError:  # most real-time signals have no name
        return f"signal {-status}"

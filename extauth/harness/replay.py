"""Play a session file to a program and compare the lines that come with the expected ones."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from extauth.harness.events import Event, LineReceived
from extauth.harness.lines import is_information, number_of
from extauth.harness.masking import Masker
from extauth.harness.program import EventHandler, ProgramSettings
from extauth.harness.program_manager import ProgramManager
from extauth.harness.protocol_checker import Violation
from extauth.harness.report import MAX_SHOWN, ShowLine, event_lines, total_line
from extauth.harness.session_file import (
    CloseInput,
    ExpectedLine,
    SendLine,
    SessionFile,
    WaitForReplies,
    WaitSeconds,
)
from extauth.harness.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Difference:
    """An expected line, and the line that came instead. None if no line came."""

    expected: ExpectedLine
    received: bytes | None = field(repr=False)


class ExpectedLines:
    """The lines that must come. The n-th expected reply to a number is compared with the n-th reply to it."""

    def __init__(self, expected: Iterable[ExpectedLine]) -> None:
        self._replies: dict[bytes, deque[ExpectedLine]] = defaultdict(deque)
        self._information: list[ExpectedLine] = []
        self._differences: list[Difference] = []
        for line in expected:
            if line.number is None:
                self._information.append(line)
            else:
                self._replies[line.number].append(line)

    def compare(self, received: LineReceived) -> None:
        """Compare a line that came."""
        if is_information(received.line):
            self._compare_information(received.line)
            return
        number = number_of(received.line)
        if number is not None and self._replies.get(number):
            expected = self._replies[number].popleft()
            if not expected.accepts(received.line):
                self._differences.append(Difference(expected, received.line))

    def _compare_information(self, line: bytes) -> None:
        for expected in self._information:
            if expected.accepts(line):
                self._information.remove(expected)
                return

    def differences(self) -> list[Difference]:
        """Return all differences, in the order of the session file."""
        missing = [*self._information, *(line for lines in self._replies.values() for line in lines)]
        return sorted(
            [*self._differences, *(Difference(line, None) for line in missing)],
            key=lambda difference: difference.expected.where,
        )


def difference_lines(differences: list[Difference], masker: Masker) -> Iterator[str]:
    """Yield each expected line, and below it the line that came."""
    for difference in differences[:MAX_SHOWN]:
        received = difference.received
        yield f"- O: {masker.received(difference.expected.line)}    (line {difference.expected.where})"
        yield "+ nothing" if received is None else f"+ O: {masker.received(received)}"
    yield from total_line(len(differences), "differences")


class Replay:
    """Plays a session as fast as the program reads it, and shows each line."""

    def __init__(
        self,
        session: SessionFile,
        settings: ProgramSettings,
        masker: Masker,
        on_event: EventHandler,
        show: ShowLine,
    ) -> None:
        self.manager = ProgramManager(settings, self._handle_event)
        self.expected = ExpectedLines(session.expected)
        self.statistics = Statistics()
        self._steps = session.steps
        self._masker = masker
        self._on_event = on_event
        self._show = show

    def run(self) -> None:
        """Play all steps that the program allows, then wait for its end. Raises CannotStart."""
        with self.manager as manager:
            for step in self._steps:
                match step:
                    case SendLine():
                        manager.send(step.line)
                    case WaitForReplies():
                        manager.wait_for_replies()
                    case WaitSeconds():
                        manager.pause(step.seconds)
                    case CloseInput():
                        manager.close_input()
            manager.finish()

    def _handle_event(self, event: Event | Violation) -> None:
        self._on_event(event)
        self.statistics.handle_event(event)
        if isinstance(event, LineReceived):
            self.expected.compare(event)
        if not isinstance(event, Violation):
            for line in event_lines(event, self._masker):
                self._show(line)

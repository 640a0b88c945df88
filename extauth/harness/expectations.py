"""What was expected against what came. Replies are matched by number, in whatever order they come."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from extauth.harness.events import Received
from extauth.harness.session import Expected
from extauth.harness.wire import is_information, number_of


@dataclass(frozen=True, slots=True)
class Difference:
    """An expected line, and what came in its place: None where nothing did."""

    expected: Expected
    received: bytes | None = field(repr=False)


class Expectations:
    """The lines that have to come. The n-th one of a number belongs to the n-th reply of that number."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self._replies: dict[bytes, deque[Expected]] = defaultdict(deque)
        self._information: list[Expected] = []
        self._differences: list[Difference] = []
        for line in expected:
            if line.number is None:
                self._information.append(line)
            else:
                self._replies[line.number].append(line)

    def see(self, received: Received) -> None:
        """Compare a line that came."""
        if is_information(received.line):
            self._see_information(received.line)
            return
        number = number_of(received.line)
        if number is not None and self._replies.get(number):
            expected = self._replies[number].popleft()
            if not expected.accepts(received.line):
                self._differences.append(Difference(expected, received.line))

    def _see_information(self, line: bytes) -> None:
        for expected in self._information:
            if expected.accepts(line):
                self._information.remove(expected)
                return

    def differences(self) -> list[Difference]:
        """What did not come as expected, in the order of the session."""
        missing = [*self._information, *(line for lines in self._replies.values() for line in lines)]
        return sorted(
            [*self._differences, *(Difference(line, None) for line in missing)],
            key=lambda difference: difference.expected.where,
        )

"""The requests that wait for a program to be sent to, the first or another one."""

from __future__ import annotations

MAX_PROGRAMS = 5
"""How many programs a request may outlive without a reply before it is rejected."""


class Pending:
    """Lines for the next program, in the order in which they are to be sent."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._outlived: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes) -> None:
        """A line that no program has had."""
        self._lines.append(line)

    def add_again(self, lines: list[bytes]) -> None:
        """Lines to which a program has given no reply; what waits already is younger."""
        self._lines[:0] = lines

    def outlive(self) -> list[bytes]:
        """A program is gone: the lines that have outlived too many, which wait no more."""
        self._outlived = {line: self._outlived.get(line, 0) + 1 for line in self._lines}
        lost = [line for line in self._lines if self._outlived[line] >= MAX_PROGRAMS]
        self._lines = [line for line in self._lines if self._outlived[line] < MAX_PROGRAMS]
        return lost

    def take(self) -> list[bytes]:
        """All of them, which wait no more."""
        lines, self._lines = self._lines, []
        return lines

"""Requests that wait: for a reply, or for the next program."""

from __future__ import annotations

from collections import OrderedDict

from extauth.harness.events import LineSent

MAX_RUNS = 5
"""A request is rejected after this many programs have ended without a reply to it."""

_MAX_REMEMBERED = 100_000


class RequestsUnderWay:
    """Requests that wait for a reply, by number. A reply belongs to the oldest request with its number."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, LineSent] = OrderedDict()
        self._tickets: dict[bytes, list[int]] = {}
        self._last_ticket = 0
        self._answered: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def oldest(self) -> float | None:
        """When the oldest request was sent. None if there is none."""
        return next((sent.at for sent in self._sent.values()), None)

    @property
    def lines(self) -> list[bytes]:
        """The lines of the requests, in the order in which they were sent."""
        return [sent.line for sent in self._sent.values()]

    @property
    def numbers(self) -> list[bytes]:
        """The numbers of the requests. A number that is under way twice is here twice."""
        return [number for number, tickets in self._tickets.items() for _ in tickets]

    def add(self, number: bytes, sent: LineSent) -> None:
        """Add a request that was sent."""
        self._last_ticket += 1
        self._sent[self._last_ticket] = sent
        self._tickets.setdefault(number, []).append(self._last_ticket)

    def take(self, number: bytes) -> LineSent | None:
        """Remove and return the request that a reply with this number belongs to. None if there is none."""
        tickets = self._tickets.get(number)
        if tickets is None:
            return None
        ticket = tickets.pop(0)
        if not tickets:
            del self._tickets[number]
        self.remember_answered(number)
        return self._sent.pop(ticket)

    def remember_answered(self, number: bytes) -> None:
        """Remember that a request with this number was answered. Only the last 100,000 are remembered."""
        self._answered[number] = None
        if len(self._answered) > _MAX_REMEMBERED:
            self._answered.popitem(last=False)

    def was_answered(self, number: bytes) -> bool:
        """Return whether a request with this number is remembered as answered."""
        return number in self._answered


class ResendQueue:
    """Lines for the next program, in the order in which they are sent."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._runs: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes) -> None:
        """Add a line that no program has received yet."""
        self._lines.append(line)

    def add_unanswered(self, lines: list[bytes]) -> None:
        """Add lines that a program did not answer. They are older, so they go in front."""
        self._lines[:0] = lines

    def count_run(self) -> list[bytes]:
        """Count one more run for each line. Remove and return the lines that have had MAX_RUNS."""
        self._runs = {line: self._runs.get(line, 0) + 1 for line in self._lines}
        lost = [line for line in self._lines if self._runs[line] >= MAX_RUNS]
        self._lines = [line for line in self._lines if self._runs[line] < MAX_RUNS]
        return lost

    def take_all(self) -> list[bytes]:
        """Remove and return all lines."""
        lines, self._lines = self._lines, []
        return lines

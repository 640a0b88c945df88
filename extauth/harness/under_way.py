"""The requests that wait for their reply."""

from __future__ import annotations

from collections import OrderedDict

from extauth.harness.events import Sent

_MAX_REMEMBERED = 100_000


class UnderWay:
    """Requests by number; of one number that is under way more than once, the oldest is answered first."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, Sent] = OrderedDict()
        self._tickets: dict[bytes, list[int]] = {}
        self._last_ticket = 0
        self._answered: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def oldest(self) -> float | None:
        """When the oldest of them was sent."""
        return next((sent.at for sent in self._sent.values()), None)

    @property
    def lines(self) -> list[bytes]:
        """Their lines, in the order in which they were sent."""
        return [sent.line for sent in self._sent.values()]

    @property
    def numbers(self) -> list[bytes]:
        """Their numbers, each as often as it is under way."""
        return [number for number, tickets in self._tickets.items() for _ in tickets]

    def add(self, number: bytes, sent: Sent) -> None:
        """A request was sent."""
        self._last_ticket += 1
        self._sent[self._last_ticket] = sent
        self._tickets.setdefault(number, []).append(self._last_ticket)

    def answer(self, number: bytes) -> Sent | None:
        """A reply came: the request that it answers; None where none of that number is under way."""
        tickets = self._tickets.get(number)
        if tickets is None:
            return None
        ticket = tickets.pop(0)
        if not tickets:
            del self._tickets[number]
        self.remember(number)
        return self._sent.pop(ticket)

    def remember(self, number: bytes) -> None:
        """A request of that number was answered: the last 100,000 of them are remembered."""
        self._answered[number] = None
        if len(self._answered) > _MAX_REMEMBERED:
            self._answered.popitem(last=False)

    def was_answered(self, number: bytes) -> bool:
        """Whether a request of that number was answered, as far as that is remembered."""
        return number in self._answered

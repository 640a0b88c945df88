"""The requests that wait for their reply."""

from __future__ import annotations

from collections import OrderedDict, deque

from extauth.harness.events import Sent


class UnderWay:
    """Requests by number; of one number that is under way more than once, the oldest is answered first."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, Sent] = OrderedDict()
        self._tickets: dict[bytes, deque[int]] = {}
        self._last_ticket = 0

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

    def ever_had(self, number: bytes) -> bool:
        """Whether a request of that number was sent, answered or not."""
        return number in self._tickets

    def add(self, number: bytes, sent: Sent) -> None:
        """A request was sent."""
        self._last_ticket += 1
        self._sent[self._last_ticket] = sent
        self._tickets.setdefault(number, deque()).append(self._last_ticket)

    def answer(self, number: bytes) -> Sent | None:
        """A reply came: the request that it answers; None where none of that number is under way."""
        tickets = self._tickets.get(number)
        return self._sent.pop(tickets.popleft()) if tickets else None

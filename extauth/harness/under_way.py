"""The requests that wait for their reply."""

from __future__ import annotations

from collections import OrderedDict, deque


class UnderWay:
    """Requests by number; of one number that is under way more than once, the oldest is answered first."""

    def __init__(self) -> None:
        self._sent_at: OrderedDict[int, float] = OrderedDict()
        self._tickets: dict[bytes, deque[int]] = {}
        self._last_ticket = 0

    def __len__(self) -> int:
        return len(self._sent_at)

    def __contains__(self, number: bytes) -> bool:
        return bool(self._tickets.get(number))

    @property
    def oldest(self) -> float | None:
        """When the oldest of them was sent."""
        return next(iter(self._sent_at.values()), None)

    @property
    def numbers(self) -> list[bytes]:
        """Their numbers, each as often as it is under way."""
        return [number for number, tickets in self._tickets.items() for _ in tickets]

    def ever_had(self, number: bytes) -> bool:
        """Whether a request of that number was sent, answered or not."""
        return number in self._tickets

    def add(self, number: bytes, at: float) -> None:
        """A request was sent."""
        self._last_ticket += 1
        self._sent_at[self._last_ticket] = at
        self._tickets.setdefault(number, deque()).append(self._last_ticket)

    def answer(self, number: bytes) -> float:
        """A reply came: when its request was sent. Raises KeyError where none of that number is under way."""
        if number not in self:
            raise KeyError(number)
        return self._sent_at.pop(self._tickets[number].popleft())

"""Sets of message numbers and of UIDs, such as `1,3:5,7:*` (RFC 3501, section 9, sequence-set)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator

import msgspec

from extauth.harness.mail.imap.replies import Bad

_RANGE = re.compile(rb"([1-9]\d{0,9}|\*)(?::([1-9]\d{0,9}|\*))?", re.ASCII)


class NumberSet(msgspec.Struct, frozen=True):
    """A set of numbers as ranges with their ends. None stands for `*`, the largest number in use."""

    ranges: tuple[tuple[int | None, int | None], ...]

    @classmethod
    def parse(cls, text: bytes) -> NumberSet:
        """Return the set. Raises Bad."""
        matches = [_RANGE.fullmatch(part) for part in text.split(b",")]
        if not all(matches):
            raise Bad("invalid set of messages")
        ends = [(_number(match[1]), _number(match[2] or match[1])) for match in matches if match]
        return cls(tuple(ends))

    def check(self, largest: int) -> None:
        """Raise Bad if the set names a number above `largest`. A range that ends with `*` may begin above it."""
        for first, last in self.ranges:
            if None not in (first, last) and max(first or 0, last or 0) > largest:
                raise Bad("no message has this number")

    def select(self, numbers: Collection[int]) -> set[int]:
        """Return those of `numbers` that belong to the set."""
        return set(filter(self.test(max(numbers, default=0)), numbers))

    def test(self, largest: int) -> Callable[[int], bool]:
        """Return a test for numbers of the set. `largest` is the largest number in use."""
        bounds = list(self._bounds(largest))

        def belongs(number: int) -> bool:
            at = bisect_right(bounds, number, key=_first)
            return at > 0 and number <= bounds[at - 1][1]

        return belongs

    def _bounds(self, largest: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges with numbers, sorted and joined."""
        joined: list[tuple[int, int]] = []
        for first, last in sorted(
            tuple(sorted(largest if end is None else end for end in ends)) for ends in self.ranges
        ):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        return iter(joined)


def _first(bounds: tuple[int, int]) -> int:
    return bounds[0]


def _number(text: bytes) -> int | None:
    return None if text == b"*" else int(text)


def write_set(numbers: Collection[int]) -> str:
    """Return a set of numbers as text."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ",".join(":".join(map(str, ends)) for ends in ranges)

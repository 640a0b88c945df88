"""Sets of message numbers and of UIDs, such as `1,3:5,7:*` (RFC 3501, section 9, sequence-set)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import msgspec

from extauth.harness.mail.imap.errors import Bad

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
        bounds = list(self._bounds(max(numbers, default=0)))
        return {number for number in numbers if any(first <= number <= last for first, last in bounds)}

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


def _number(text: bytes) -> int | None:
    return None if text == b"*" else int(text)


def write_set(numbers: Collection[int]) -> str:
    """Return a set of numbers as text."""
    return ",".join(str(number) for number in numbers)

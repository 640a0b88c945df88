"""Names and what is stored for them, in flat memory that nobody writes to.

A million objects would be touched by each that is looked at: their counts of references are in them. What is touched
is no longer shared with the process that a worker was forked from, and each is a wait for memory of its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import accumulate

_END = b"\n"  # of a name, and of what is stored: neither holds one


class Lines:
    """A hash table (open addressing, linear probing) of places in one text: `name`, `stored`, `name`, `stored`, ..."""

    def __init__(self, entries: Mapping[str, bytes]) -> None:
        names = [name.encode() + _END for name in entries]
        records = [name + stored + _END for name, stored in zip(names, entries.values(), strict=True)]
        self._text = text = b"".join(records)
        self._count = len(records)
        self._mask = mask = (1 << (4 * len(records)).bit_length()) - 1
        code = "I" if len(text) < 2**32 - 1 else "Q"
        self._places = places = array(code, bytes((mask + 1) * array(code).itemsize))  # 0: nothing
        for name, start in zip(names, accumulate(map(len, records), initial=1), strict=False):
            slot = hash(name) & mask
            while places[slot]:
                slot = slot + 1 & mask
            places[slot] = start

    def __len__(self) -> int:
        return self._count

    def find(self, name: str) -> bytes | None:
        """What is stored for a name that holds no LF; None where it is not there."""
        text, places, mask = self._text, self._places, self._mask
        wanted = name.encode() + _END
        slot = hash(wanted) & mask
        while start := places[slot]:
            if text.startswith(wanted, start - 1):
                begin = start - 1 + len(wanted)
                return text[begin : text.index(_END, begin)]
            slot = slot + 1 & mask
        return None

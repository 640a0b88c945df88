"""Names and what is stored for them, in flat memory that nobody writes to.

A million objects would be touched by each that is looked at: their counts of references are in them. What is touched
is no longer shared with the process that a worker was forked from, and each is a wait for memory of its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import accumulate, pairwise

_END = b"\n"  # of a name, that holds none


class Lines:
    """A hash table (open addressing, linear probing) of places in one text: `name`, `stored`, `name`, `stored`, ..."""

    def __init__(self, entries: Mapping[str, bytes]) -> None:
        records = [name.encode() + _END + stored for name, stored in entries.items()]
        self._text = b"".join(records)
        self._mask = mask = (1 << (2 * len(records)).bit_length()) - 1
        code = "I" if len(self._text) < 2**32 else "Q"
        # where the record of each slot begins, and where it ends; 0 where there is none
        self._places = places = array(code, bytes(2 * (mask + 1) * array(code).itemsize))
        for name, (start, end) in zip(entries, pairwise(accumulate(map(len, records), initial=0)), strict=True):
            slot = hash(name) & mask
            while places[slot + slot + 1]:
                slot = slot + 1 & mask
            places[slot + slot], places[slot + slot + 1] = start, end

    def find(self, name: str) -> bytes | None:
        """What is stored for a name that holds no LF; None where it is not there."""
        wanted = name.encode()
        slot = hash(name) & self._mask
        while end := self._places[slot + slot + 1]:
            found, _, stored = self._text[self._places[slot + slot] : end].partition(_END)
            if found == wanted:
                return stored
            slot = slot + 1 & self._mask
        return None

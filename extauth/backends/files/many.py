"""What is stored for many accounts, in flat memory that nobody writes to.

A million objects would be touched by each that is looked at: their counts of references are in them. What is touched
is no longer shared with the process that a worker was forked from, and each is a wait for memory of its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from operator import add

from extauth.passwords import Packed

_SPACE = 0x20  # below it are control characters: what is packed begins with one, and names have none


class Many:
    """Names to what is stored for them, packed.

    A hash table (open addressing, linear probing) whose records, each a name and what is stored for it, stand one
    after the other in the order of their slots: where one begins, that of the slot before ends.
    """

    def __init__(self, entries: Mapping[str, Packed]) -> None:
        names = list(map(str.encode, entries))
        records = list(map(add, names, entries.values()))
        self._mask = (1 << (4 * len(names)).bit_length()) - 1
        slots = [hash(name) & self._mask for name in names]
        order = sorted(range(len(names)), key=slots.__getitem__)
        self._text = b"".join([records[number] for number in order])
        self._places = places = array("I" if len(self._text) < 2**32 else "Q", [0])
        place = 0
        for number in order:
            places.extend([place] * (slots[number] - len(places) + 1))  # empty ones, if any
            place += len(records[number])
            places.append(place)
        places.extend([place] * max(1, self._mask + 2 - len(places)))

    def find(self, name: str) -> Packed | None:
        """What is stored for a name, which has no control characters; None where it is not there."""
        wanted = name.encode()
        places = self._places
        slot = hash(wanted) & self._mask
        start, end = places[slot], places[slot + 1]
        while start < end:
            packed = self._text[start:end].removeprefix(wanted)
            if packed[0] < _SPACE:
                return packed  # type: ignore[return-value]
            slot += 1
            start, end = end, places[slot + 1]
        return None

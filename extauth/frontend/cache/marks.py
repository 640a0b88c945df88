"""A set of digests in flat memory.

Each takes eight bytes, and no object: to ask for one of a million touches one or two lines of memory that the
processor has not at hand. In a set or a dict these are three to eight, and each takes as long as all else does.
"""

from __future__ import annotations

import contextlib
import mmap
import struct

from extauth.frontend.cache.keyed import DIGEST_SIZE, Digest

PLACES = 4
"""At how many places in a row a digest may be marked: they share a line or two of the processor's cache."""

NOWHERE = 0xFFFF_FFFF
"""No place."""

_MOST_PLACES = 2**24  # 128 MiB
_MARK_SIZE = 8  # bytes

split = struct.Struct(f"=IQ{DIGEST_SIZE - 12}x").unpack
"""A digest to where its places begin (to be cut by `mask`), and what marks it there.

Of a digest that is not marked, each place says the contrary once in 2**64 times. Whoever tries does not know the key,
and so can only go on trying.
"""


class DigestSet:
    """Digests that are marked, up to `size` with hardly any loss: where all places of one are taken, another one goes.

    Who asks for one often does it without a call: does one of the PLACES of `table` from
    `place & mask` on hold `mark`?
    """

    def __init__(self, size: int) -> None:
        self._places = 1 << (min(2 * size, _MOST_PLACES) - 1).bit_length()
        self.mask = self._places - 1
        self.clear()

    def clear(self) -> None:
        """Have nothing marked."""
        size = (self._places + PLACES) * _MARK_SIZE
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # of which only what is touched is there
        with contextlib.suppress(OSError):  # where the system has none, small ones do
            memory.madvise(mmap.MADV_HUGEPAGE)  # of so few pages the processor knows by heart where each one lies
        self.table = memoryview(memory).cast("Q")

    def add(self, digest: Digest) -> int:
        """Mark a digest; at which place, or NOWHERE where it is marked already."""
        place: int
        place, mark = split(digest)
        place &= self.mask
        taken: list[int] = self.table[place : place + PLACES].tolist()
        if mark in taken:
            return NOWHERE
        if 0 in taken:
            place += taken.index(0)
        self.table[place] = mark
        return place

    def remove(self, place: int) -> None:
        """Have nothing marked at a place."""
        self.table[place] = 0

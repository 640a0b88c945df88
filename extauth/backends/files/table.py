"""Find the entry of an account in memory, for a few accounts or for a million."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, pairwise
from operator import add

from extauth.backends.files.formats import AgingPassword
from extauth.backends.files.reader import PasswordFileReader
from extauth.model import Account, VerdictResult
from extauth.passwords import Packed

TableEntry = Packed | AgingPassword | VerdictResult
"""The entry of an account in an PasswordTable."""

_SMALL = 50_000  # accounts; up to here a dict is built faster, and its memory per account matters little
_SPACE = 0x20  # a packed password begins with a control character, which is below; names have none
_split_record = re.compile(rb"[\x00-\x1f]").split


class PasswordTable:
    """The entries of all accounts that a reader has read."""

    def __init__(self, reader: PasswordFileReader) -> None:
        self._size = len(reader)
        self._has_addresses = reader.bare_names < self._size
        self._others = reader.others
        self._find: Callable[[str], Packed | None]
        self._names: Callable[[], Iterable[str]]
        if self._size <= _SMALL:
            self._find, self._names = reader.packed.get, reader.packed.keys
        else:
            table = CompactTable(reader.packed)
            self._find, self._names = table.find, table.names

    def __len__(self) -> int:
        return self._size

    def count_by_domain(self) -> Counter[str]:
        """Return how many accounts of each domain a password may let in. An empty text: names without a domain."""
        aging = (name for name, entry in self._others.items() if not isinstance(entry, VerdictResult))
        return Counter(name.rpartition("@")[2] if "@" in name else "" for name in chain(self._names(), aging))

    def find(self, account: Account) -> TableEntry | None:
        """Return the entry of an account; None if there is none. `name@domain` wins over a name without a domain."""
        name, found = account.name, None
        if self._has_addresses:
            address = f"{name}@{account.domain}"
            found = self._find(address) or self._others.get(address)
        if found is None and "@" not in name:  # the name `a@b` of `a@b@c` is not the account `a@b`
            found = self._find(name) or self._others.get(name)
        return found


class CompactTable:
    """A read-only table from names to packed passwords, in two flat blocks of memory.

    A dict of a million objects costs more: each look-up writes to the reference count of an object. The memory page is
    then no longer shared with the process that forked the worker, and each page is one more wait for memory.

    This is a hash table (open addressing, linear probing). A record is a name followed by its packed password. The
    records follow each other in the order of their slots, so a record ends where the record of the next slot begins.
    """

    def __init__(self, entries: Mapping[str, Packed]) -> None:
        names = list(map(str.encode, entries))
        records = list(map(add, names, entries.values()))
        self._mask = (1 << (4 * len(names)).bit_length()) - 1
        slots = [hash(name) & self._mask for name in names]
        order = sorted(range(len(names)), key=slots.__getitem__)
        self._records = b"".join([records[number] for number in order])
        self._offsets = offsets = array("I" if len(self._records) < 2**32 else "Q", [0])
        offset = 0
        for number in order:
            offsets.extend([offset] * (slots[number] - len(offsets) + 1))  # empty slots
            offset += len(records[number])
            offsets.append(offset)
        offsets.extend([offset] * max(1, self._mask + 2 - len(offsets)))

    def names(self) -> Iterator[str]:
        """Yield all names."""
        for start, end in pairwise(self._offsets):
            if start < end:
                yield _split_record(self._records[start:end])[0].decode()

    def find(self, name: str) -> Packed | None:
        """Return the packed password of a name; None if there is none. The name must have no control characters."""
        wanted = name.encode()
        offsets = self._offsets
        slot = hash(wanted) & self._mask
        start, end = offsets[slot], offsets[slot + 1]
        while start < end:
            packed = self._records[start:end].removeprefix(wanted)
            if packed[0] < _SPACE:
                return packed  # type: ignore[return-value]
            slot += 1
            start, end = end, offsets[slot + 1]
        return None

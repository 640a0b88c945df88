"""Lines that came before, word for word, and whose verdict still counts: they get a reply without being parsed.

A line is kept as a keyed digest of what follows its number. Lines that mean the same are kept apart: `User@Example.com`
is added beside `user@example.com`, and both lead to one verdict.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import struct
import time
from typing import Protocol

import msgspec

from extauth.frontend.log import Log, RequestRecord
from extauth.frontend.reply_texts import OK_REPLY
from extauth.log_levels import Level
from extauth.model import Verdict, VerdictResult
from extauth.protocol.framing import Line

KeyedDigest = bytes

DIGEST_SIZE = 16
"""Bytes. Without the key, two texts with the same digest cannot be found."""

_KEY_SIZE = 32  # bytes
_MAX_NUMBER = 64  # bytes
_MAX_RECORDS = 50_000  # of about 300 bytes
_SPELLINGS = 2  # lines that are kept for each account with a verdict


class KeyedHash(Protocol):
    """A hash that has taken in its key. Copying it for each text is cheaper than taking in the key again."""

    def copy(self) -> KeyedHash:
        """Return another hash that has taken in the same."""

    def update(self, text: bytes, /) -> None:
        """Take in more."""

    def digest(self) -> KeyedDigest:
        """Return the digest of everything that was taken in."""


def new_keyed_hash() -> KeyedHash:
    """Return a hash with a new key (BLAKE2b). The key is kept nowhere, so a digest means nothing outside this process.

    The key comes before the text, as in RFC 7693, section 2.5, but it is not padded to a block: a key that shares its
    block with a short text halves the work. BLAKE2 marks its last block, so a digest cannot be extended.
    """
    return hashlib.blake2b(os.urandom(_KEY_SIZE), digest_size=DIGEST_SIZE)


class CachedVerdict(msgspec.Struct):
    """A verdict in the cache, and until when it counts (monotonic seconds; 0: no longer).

    `digest` stands for the account and the password. `account` is the number of an accepted password's account.
    """

    digest: KeyedDigest
    result: VerdictResult
    until: float
    account: int | None = None

    def expire(self) -> None:
        """Let it count no longer, for everything that refers to it."""
        self.until = 0.0


PLACES = 4
"""A digest may be at this many places in a row, which share one or two lines of the processor's cache."""

NO_PLACE = 0xFFFF_FFFF

_MAX_PLACES = 2**24  # 128 MiB
_MARK_SIZE = 8  # bytes

split_digest = struct.Struct(f"=IQ{DIGEST_SIZE - 12}x").unpack
"""A digest to its first place (before `mask` is applied), and its mark there.

Each place holds the mark of a digest that was never added with a chance of 1 in 2**64. Guessing does not help an
attacker, because he does not know the key.
"""


class DigestSet:
    """A set of digests in flat memory: up to `size` with hardly any loss. If all places are taken, another one goes.

    Each digest takes eight bytes and no object. To look one up in a million touches one or two lines of memory that the
    processor does not have at hand; a set or a dict touches three to eight, and each costs as much as everything else.

    Callers that look up often do it without a call: is `mark` at one of the PLACES of `table` from `place & mask` on?
    """

    def __init__(self, size: int) -> None:
        self._places = 1 << (min(2 * size, _MAX_PLACES) - 1).bit_length()
        self.mask = self._places - 1
        self.clear()

    def clear(self) -> None:
        """Remove all digests."""
        size = (self._places + PLACES) * _MARK_SIZE
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # pages exist only when they are touched
        with contextlib.suppress(OSError):  # a system without huge pages uses small ones
            memory.madvise(mmap.MADV_HUGEPAGE)  # so few pages that the processor remembers where each one is
        self.table = memoryview(memory).cast("Q")

    def add(self, digest: KeyedDigest) -> int:
        """Add a digest. Return its place, or NO_PLACE if it is there already."""
        place: int
        place, mark = split_digest(digest)
        place &= self.mask
        taken: list[int] = self.table[place : place + PLACES].tolist()
        if mark in taken:
            return NO_PLACE
        if 0 in taken:
            place += taken.index(0)
        self.table[place] = mark
        return place

    def remove(self, place: int) -> None:
        """Remove the digest at a place."""
        self.table[place] = 0


class LineCache:
    """Replies to lines that it knows, for `size` accounts.

    Accepted lines are in `accepted` as long as their password counts. If there are too many rejected lines, all of
    these are removed.
    """

    def __init__(self, size: int) -> None:
        self.accepted = DigestSet(_SPELLINGS * size)
        self._max_rejected = _SPELLINGS * size
        self._rejected: dict[KeyedDigest, tuple[CachedVerdict, bytes]] = {}
        self._records: dict[KeyedDigest, RequestRecord] = {}
        self._found_rejected: list[Verdict] = []
        self._hash = new_keyed_hash()

    def reply(self, lines: list[Line], now: float, replies: list[bytes], log: Log) -> list[Line]:
        """Add the replies to known lines to `replies`. Return the other lines, and all behind one that is no `VRFY`.

        Such a line may change what the lines behind it mean, or be the last one. If the log wants a record, a line is
        known only if its record is.
        """
        copy, marks, mask, rejected = self._hash.copy, self.accepted.table, self.accepted.mask, self._rejected
        records, logs_ok, logs_rejected = self._records, log.wants(Level.LOW_LEVEL), log.wants(Level.PROBLEMS)
        others: list[Line] = []
        for index, line in enumerate(lines):
            if not isinstance(line, bytes):
                return others + lines[index:]
            number, _, rest = line.partition(b" ")
            keyed = copy()
            keyed.update(rest)
            digest = keyed.digest()
            place, mark = split_digest(digest)
            place &= mask
            if marks[place] == mark or marks[place + 1] == mark or marks[place + 2] == mark or marks[place + 3] == mark:
                found, reply, logs = None, OK_REPLY, logs_ok
            else:
                found = rejected.get(digest)
                reply, logs = b"" if found is None or now >= found[0].until else found[1], logs_rejected
            record = records.get(digest) if logs else None
            if reply and (record or not logs) and number.isalnum() and len(number) <= _MAX_NUMBER:
                replies.append(number + reply)
                if found:
                    self._found_rejected.append(found[0].result.verdict)
                if record:
                    log.write_request(record, number, time.monotonic() - now)
            elif rest.startswith(b"VRFY "):
                others.append(line)
            else:
                return others + lines[index:]
        return others

    def take_rejected(self) -> list[Verdict]:
        """Return the verdicts of the rejected lines that `reply` has replied to since the last call."""
        found, self._found_rejected = self._found_rejected, []
        return found

    def digest(self, line: bytes) -> KeyedDigest:
        """Return the digest of a line without its number."""
        keyed = self._hash.copy()
        keyed.update(line.partition(b" ")[2])
        return keyed.digest()

    def add_rejected(self, line: KeyedDigest, cached: CachedVerdict, reply: bytes) -> None:
        """Give such a line this reply, as long as the verdict counts."""
        if len(self._rejected) >= self._max_rejected:
            self._rejected.clear()
        self._rejected[line] = cached, reply

    def set_record(self, line: KeyedDigest, record: RequestRecord | None) -> None:
        """Write this record to the log when such a line gets its reply."""
        if record is None:
            self._records.pop(line, None)
            return
        if len(self._records) >= _MAX_RECORDS:
            self._records.clear()
        self._records[line] = record

    def clear(self) -> None:
        """Remove all lines. Digests of lines that are under way become worthless too."""
        self._hash = new_keyed_hash()
        self._rejected.clear()
        self._records.clear()
        self.accepted.clear()

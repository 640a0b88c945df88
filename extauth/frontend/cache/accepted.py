"""Of each account the password that was accepted last, as long as that counts, and which lines said so."""

from __future__ import annotations

import math
import struct

from extauth.frontend.cache.eviction import first_of
from extauth.frontend.cache.keyed import DIGEST_SIZE, Digest
from extauth.frontend.cache.known import CachedVerdict
from extauth.frontend.cache.marks import NOWHERE, DigestSet
from extauth.model import Account, VerdictResult

_RECORD = struct.Struct(f"={DIGEST_SIZE}sdHII")
"""The digest of the password, until when it counts (monotonic seconds), which decision said so, where lines are marked.

One text for an account, since there may be a million.
"""

_STEPS = 256  # in which the time that a password counts is cut off: as often at most, some have ended
_ACCOUNT = 2**60 - 1  # a number that two accounts may share: then the password of one takes the other's place
_MOST_KINDS = 1_000


class Accepted:
    """`size` passwords, that count for `ttl` seconds each, or up to `1 / _STEPS` less. Where it is full the oldest go.

    Lines are marked in `lines` for as long as the password that they brought counts, and not a moment longer: whoever
    asks there has `end` called before, from `next_end` on (monotonic seconds).
    """

    def __init__(self, size: int, ttl: float, lines: DigestSet) -> None:
        self._lines = lines
        self.next_end = math.inf
        self._size = size
        self._ttl = ttl
        self._step = ttl / _STEPS
        self._records: dict[int, bytes] = {}  # by the number of the account; those that end first stand first
        self._kinds: dict[VerdictResult, int] = {}  # few: what tells them apart is the backend
        self._decisions: list[VerdictResult] = []

    def find(self, account: Account, digest: Digest, now: float) -> CachedVerdict | None:
        """What says that this password is accepted, if it is."""
        number = _number(account)
        record = self._records.get(number)
        if record is None:
            return None
        accepted, until, kind, _, _ = _RECORD.unpack(record)
        return (
            CachedVerdict(digest, self._decisions[kind], until, number) if accepted == digest and now < until else None
        )

    def add(self, account: Account, digest: Digest, decision: VerdictResult, now: float) -> CachedVerdict:
        """Take a password for accepted from now on, and none that the account had before."""
        self.remove(account)
        if len(self._records) >= self._size:
            self._remove(first_of(self._records, self._size))
        until = math.floor((now + self._ttl) / self._step) * self._step
        number = _number(account)
        self._records[number] = _RECORD.pack(digest, until, self._kind(decision), NOWHERE, NOWHERE)
        self.next_end = min(self.next_end, until)
        return CachedVerdict(digest, decision, until, number)

    def learn(self, line: Digest, account: int, password: Digest) -> None:
        """Mark a line that brought this password, if that counts still."""
        record = self._records.get(account)
        if record is None:
            return
        digest, until, kind, first, second = _RECORD.unpack(record)
        if digest != password:
            return
        place = self._lines.add(line)
        if place != NOWHERE:
            if second != NOWHERE:
                self._lines.remove(second)  # two ways to write an account are marked: the last ones
            self._records[account] = _RECORD.pack(digest, until, kind, place, first)

    def remove(self, account: Account) -> None:
        """Accept no password of this account any more."""
        number = _number(account)
        if number in self._records:
            self._remove([number])

    def end(self, now: float) -> None:
        """Accept none whose time is over."""
        over = []
        self.next_end = math.inf
        for number, record in self._records.items():
            until = _RECORD.unpack(record)[1]
            if now < until:
                self.next_end = until
                break
            over.append(number)
        self._remove(over)

    def _remove(self, numbers: list[int]) -> None:
        for number in numbers:
            for place in _RECORD.unpack(self._records.pop(number))[3:]:
                if place != NOWHERE:
                    self._lines.remove(place)

    def _kind(self, decision: VerdictResult) -> int:
        if len(self._kinds) >= _MOST_KINDS:
            decision = VerdictResult(decision.verdict, decision.backend)  # reasons that are all different are not kept
        kind = self._kinds.setdefault(decision, len(self._decisions))
        if kind == len(self._decisions):
            self._decisions.append(decision)
        return kind


def _number(account: Account) -> int:
    return hash(account) & _ACCOUNT

"""Verdicts that count for a while: a login with the same password gets its reply without a call of a backend."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Hashable, Mapping
from typing import TypeVar

from extauth.config import CacheSettings
from extauth.frontend.cache.lines import (
    DIGEST_SIZE,
    NO_PLACE,
    CachedVerdict,
    DigestSet,
    KeyedDigest,
    LineCache,
    new_keyed_hash,
)
from extauth.frontend.log import RequestRecord
from extauth.model import Account, PasswordRequest, Verdict, VerdictResult

_RECORD = struct.Struct(f"={DIGEST_SIZE}sdHII")
"""The password's digest, until when it counts (monotonic seconds), number of its result, places of two lines.

One bytes object for an account, because there may be a million.
"""

_EXPIRY_STEPS = 256  # expiry times are rounded down to this many steps of the ttl, so that few moments have expiries
_ACCOUNT_MASK = 2**60 - 1  # two accounts may share a number: then the password of one replaces that of the other
_MAX_RESULTS = 1_000
_EVICTED_SHARE = 64

_LENGTHS = struct.Struct("!II")

K = TypeVar("K", bound=Hashable)


def is_about_the_account(verdict: Verdict) -> bool:
    """Return whether a verdict replaces the earlier ones about its account: all but a wrong password do."""
    return verdict is not Verdict.PASSWORD_MISMATCH


class AcceptedPasswords:
    """For each account the password that was accepted last. At most `size`; the oldest ones are evicted.

    A password counts for `ttl` seconds, or up to 1/256 less. Its lines are in the set `lines` exactly as long. So
    callers that look there must call `expire` before, from `next_expiry` on (monotonic seconds).
    """

    def __init__(self, size: int, ttl: float, lines: DigestSet) -> None:
        self._lines = lines
        self.next_expiry = math.inf
        self._size = size
        self._ttl = ttl
        self._step = ttl / _EXPIRY_STEPS
        self._records: dict[int, bytes] = {}  # by the account's number; the first ones expire first
        self._result_numbers: dict[VerdictResult, int] = {}  # few: they differ by backend
        self._results: list[VerdictResult] = []

    def find(self, account: Account, digest: KeyedDigest, now: float) -> CachedVerdict | None:
        """Return the verdict OK if this password is accepted."""
        number = _number(account)
        record = self._records.get(number)
        if record is None:
            return None
        accepted, until, result, _, _ = _RECORD.unpack(record)
        return (
            CachedVerdict(digest, self._results[result], until, number) if accepted == digest and now < until else None
        )

    def add(self, account: Account, digest: KeyedDigest, result: VerdictResult, now: float) -> CachedVerdict:
        """Accept a password from now on, and no earlier one of the account."""
        self.remove(account)
        if len(self._records) >= self._size:
            self._remove(_oldest(self._records, self._size))
        until = math.floor((now + self._ttl) / self._step) * self._step
        number = _number(account)
        self._records[number] = _RECORD.pack(digest, until, self._result_number(result), NO_PLACE, NO_PLACE)
        self.next_expiry = min(self.next_expiry, until)
        return CachedVerdict(digest, result, until, number)

    def add_line(self, line: KeyedDigest, account: int, password: KeyedDigest) -> None:
        """Add a line with this password, if the password still counts."""
        record = self._records.get(account)
        if record is None:
            return
        digest, until, result, first, second = _RECORD.unpack(record)
        if digest != password:
            return
        place = self._lines.add(line)
        if place != NO_PLACE:
            if second != NO_PLACE:
                self._lines.remove(second)  # two lines of an account are kept: the last ones
            self._records[account] = _RECORD.pack(digest, until, result, place, first)

    def remove(self, account: Account) -> None:
        """Accept no password of this account any longer."""
        number = _number(account)
        if number in self._records:
            self._remove([number])

    def expire(self, now: float) -> None:
        """Remove the passwords that no longer count."""
        expired = []
        self.next_expiry = math.inf
        for number, record in self._records.items():
            until = _RECORD.unpack(record)[1]
            if now < until:
                self.next_expiry = until
                break
            expired.append(number)
        self._remove(expired)

    def _remove(self, numbers: list[int]) -> None:
        for number in numbers:
            for place in _RECORD.unpack(self._records.pop(number))[3:]:
                if place != NO_PLACE:
                    self._lines.remove(place)

    def _result_number(self, result: VerdictResult) -> int:
        if len(self._result_numbers) >= _MAX_RESULTS:
            result = VerdictResult(result.verdict, result.backend)  # reasons that are all different are not kept
        number = self._result_numbers.setdefault(result, len(self._results))
        if number == len(self._results):
            self._results.append(result)
        return number


class VerdictCache:
    """Verdicts on passwords: for each account the accepted one, and many rejected ones.

    The two are kept apart, so that guesses do not evict the passwords of users who log in. If one part is full, the
    oldest entries are evicted. No password is kept, and no digest that could be computed elsewhere.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._hash = new_keyed_hash()
        self._rejected: dict[KeyedDigest, CachedVerdict] = {}
        self.lines = LineCache(settings.size)
        self.accepted = AcceptedPasswords(settings.size, settings.ttl, self.lines.accepted)

    def digest(self, request: PasswordRequest) -> KeyedDigest:
        """Return the digest of this account with this password."""
        name, domain = request.account.name.encode(), request.account.domain.encode()
        keyed = self._hash.copy()
        keyed.update(_LENGTHS.pack(len(domain), len(name)) + domain + name + request.password.reveal())
        return keyed.digest()

    def find(self, account: Account, digest: KeyedDigest, now: float) -> CachedVerdict | None:
        """Return the verdict that still counts, if there is one."""
        cached = self.accepted.find(account, digest, now)  # first: a password that was right may be wrong by now
        if cached is None:
            cached = self._rejected.get(digest)
        return cached if cached is not None and now < cached.until else None

    def store(self, account: Account, digest: KeyedDigest, result: VerdictResult, now: float) -> CachedVerdict:
        """Add a verdict, and remove those that it replaces."""
        if result.verdict is Verdict.OK:
            return self.accepted.add(account, digest, result, now)
        if is_about_the_account(result.verdict):
            self.accepted.remove(account)
        cached = CachedVerdict(digest, result, now + self._settings.negative_ttl)
        self._rejected.pop(digest, None)  # so that it becomes the youngest
        if len(self._rejected) >= self._settings.size:
            for oldest in _oldest(self._rejected, self._settings.size):
                self._rejected.pop(oldest).expire()
        self._rejected[digest] = cached
        return cached

    def add_line(
        self, line: KeyedDigest, cached: CachedVerdict, reply: bytes, record: RequestRecord | None = None
    ) -> None:
        """Give that line this reply as long as the verdict counts, and write `record` to the log then."""
        self.lines.set_record(line, record)
        if cached.account is None:
            self.lines.add_rejected(line, cached, reply)
        else:
            self.accepted.add_line(line, cached.account, cached.digest)


def _oldest(table: Mapping[K, object], size: int) -> list[K]:
    """Return the oldest keys of a full table: a share of `size`, and at least one.

    Several, because a dict takes longer to find its first key, the more keys were removed before it.
    """
    return list(itertools.islice(table, math.ceil(size / _EVICTED_SHARE)))


def _number(account: Account) -> int:
    return hash(account) & _ACCOUNT_MASK

"""Verdicts that count for a while: who logs in again with the same password is answered without asking anybody."""

from __future__ import annotations

import struct
from collections.abc import Hashable
from typing import TypeVar

import msgspec

from extauth.config import CacheSettings
from extauth.model import Account, Decided, PasswordCheck, Verdict
from extauth.server.keyed import Digest, new_keyed_hash

K = TypeVar("K", bound=Hashable)

_LENGTHS = struct.Struct("!II")
_SAYS_OF_THE_ACCOUNT = (Verdict.OK, Verdict.USER_UNKNOWN, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED)


class Known(msgspec.Struct):
    """A verdict on what `digest` stands for, and until when it counts (monotonic seconds); 0: no more."""

    digest: Digest
    decision: Decided
    until: float


class VerdictCache:
    """The verdicts on passwords: of each account the one that was accepted last; of wrong ones several.

    The two are kept apart, so that nobody who guesses drives out those who log in. Where one is full the oldest goes.
    No password is kept, nor a digest that could be computed anywhere else.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._hash = new_keyed_hash()
        self._accepted: dict[Account, Known] = {}
        self._refused: dict[Digest, Known] = {}

    def digest(self, question: PasswordCheck) -> Digest:
        """What stands for this account and password, and for no other two."""
        name, domain = question.account.name.encode(), question.account.domain.encode()
        keyed = self._hash.copy()
        keyed.update(_LENGTHS.pack(len(domain), len(name)) + domain + name + question.password.reveal())
        return keyed.digest()

    def find(self, account: Account, digest: Digest, now: float) -> Known | None:
        """The verdict on it, where one still counts."""
        known = self._accepted.get(account)
        if known is None or known.digest != digest or now >= known.until:  # what was right once may be wrong by now
            known = self._refused.get(digest)
        return known if known is not None and now < known.until else None

    def store(self, account: Account, digest: Digest, decision: Decided, now: float) -> Known:
        """Have a verdict count from now on, in the place of what it makes obsolete."""
        if decision.verdict in _SAYS_OF_THE_ACCOUNT and (before := self._accepted.pop(account, None)) is not None:
            before.until = 0.0  # for whoever holds it
        if decision.verdict is Verdict.OK:
            known = Known(digest, decision, now + self._settings.ttl)
            self._add(self._accepted, account, known)
        else:
            known = Known(digest, decision, now + self._settings.negative_ttl)
            self._add(self._refused, digest, known)
        return known

    def _add(self, table: dict[K, Known], key: K, known: Known) -> None:
        table.pop(key, None)  # so that it becomes the youngest
        if len(table) >= self._settings.size:
            table.pop(next(iter(table))).until = 0.0
        table[key] = known

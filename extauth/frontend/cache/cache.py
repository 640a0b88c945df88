"""Verdicts that count for a while: who logs in again with the same password is answered without asking anybody."""

from __future__ import annotations

import struct

from extauth.config import CacheSettings
from extauth.frontend.cache.accepted import Accepted
from extauth.frontend.cache.eviction import first_of
from extauth.frontend.cache.keyed import Digest, new_keyed_hash
from extauth.frontend.cache.known import CachedVerdict
from extauth.frontend.cache.shortcut import LineCache
from extauth.frontend.log import Record
from extauth.model import Account, PasswordRequest, Verdict, VerdictResult

_LENGTHS = struct.Struct("!II")


def is_about_the_account(verdict: Verdict) -> bool:
    """Whether a verdict makes obsolete what was said of the account before: each does that is not on one password."""
    return verdict is not Verdict.PASSWORD_MISMATCH


class VerdictCache:
    """The verdicts on passwords: of each account the one that was accepted last; of wrong ones several.

    The two are kept apart, so that nobody who guesses drives out those who log in. Where one is full the oldest goes.
    No password is kept, nor a digest that could be computed anywhere else. `lines` are those that say the same.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._hash = new_keyed_hash()
        self._refused: dict[Digest, CachedVerdict] = {}
        self.lines = LineCache(settings.size)
        self.accepted = Accepted(settings.size, settings.ttl, self.lines.accepted)

    def digest(self, question: PasswordRequest) -> Digest:
        """What stands for this account and password, and for no other two."""
        name, domain = question.account.name.encode(), question.account.domain.encode()
        keyed = self._hash.copy()
        keyed.update(_LENGTHS.pack(len(domain), len(name)) + domain + name + question.password.reveal())
        return keyed.digest()

    def find(self, account: Account, digest: Digest, now: float) -> CachedVerdict | None:
        """The verdict on it, where one still counts."""
        known = self.accepted.find(account, digest, now)  # what was right once may be wrong by now
        if known is None:
            known = self._refused.get(digest)
        return known if known is not None and now < known.until else None

    def store(self, account: Account, digest: Digest, decision: VerdictResult, now: float) -> CachedVerdict:
        """Have a verdict count from now on, in the place of what it makes obsolete."""
        if decision.verdict is Verdict.OK:
            return self.accepted.add(account, digest, decision, now)
        if is_about_the_account(decision.verdict):
            self.accepted.remove(account)
        known = CachedVerdict(digest, decision, now + self._settings.negative_ttl)
        self._refused.pop(digest, None)  # so that it becomes the youngest
        if len(self._refused) >= self._settings.size:
            for oldest in first_of(self._refused, self._settings.size):
                self._refused.pop(oldest).until = 0.0  # for whoever holds it
        self._refused[digest] = known
        return known

    def learn(self, line: Digest, known: CachedVerdict, answer: bytes, record: Record | None = None) -> None:
        """Answer that line so from now on, as long as the verdict counts; `record` is what the log is told then."""
        self.lines.tell(line, record)
        if known.account is None:
            self.lines.refuse(line, known, answer)
        else:
            self.accepted.learn(line, known.account, known.digest)

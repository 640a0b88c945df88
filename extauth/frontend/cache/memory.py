"""What the front desk remembers of passwords: those that were checked, and those that are being checked."""

from __future__ import annotations

from collections.abc import Container, Iterable

import msgspec

from extauth.config import Config
from extauth.frontend.cache.cache import VerdictCache, is_about_the_account
from extauth.frontend.cache.keyed import Digest
from extauth.frontend.cache.known import CachedVerdict
from extauth.frontend.log import Log, Record
from extauth.model import Account, PasswordRequest, Result, VerdictResult
from extauth.protocol.framing import Line


class SharedCheck(msgspec.Struct):
    """A password that is being checked: `keys` of the requests that wait for it, the first of which has asked.

    `question` goes when nobody waits for it any more, as there is a password in it.
    """

    question: PasswordRequest | None
    account: Account
    digest: Digest
    keys: list[int]


class Memory:
    """A verdict cache and its shortcut, where `[cache]` is configured; and each password is checked once at a time.

    Whatever a new configuration or a changed file makes obsolete, it forgets by `configure`, and what a verdict makes
    obsolete of its account when it is kept: what was asked for before that is given to those who asked, and not kept.
    """

    def __init__(self) -> None:
        self._cache: VerdictCache | None = None
        self.remembers = False
        self._by_digest: dict[Digest, SharedCheck] = {}
        self._digests: dict[Account, set[Digest]] = {}  # those in `_by_digest`
        self._by_key: dict[int, SharedCheck] = {}  # by those of all requests that wait for it, or have waited

    def configure(self, config: Config) -> None:
        """Forget every verdict, and go on as this configuration says."""
        settings = config.cache
        self._cache = None if settings is None else VerdictCache(settings)
        self.remembers = settings is not None
        self._by_digest.clear()
        self._digests.clear()

    def forget_lines(self) -> None:
        """Forget what lines mean, those under way too: the dialect has changed."""
        if self._cache is not None:
            self._cache.lines.forget()

    def answer(self, lines: list[Line], now: float, replies: list[bytes], log: Log) -> list[Line]:
        """Add to `replies` those that are known word for word, and tell the log; the lines that remain to be read."""
        cache = self._cache
        if cache is None:
            return lines
        if now >= cache.accepted.next_end:
            cache.accepted.end(now)
        return cache.lines.answer(lines, now, replies, log)

    def digest(self, question: PasswordRequest) -> Digest:
        """What stands for this account and password, where anything is remembered."""
        assert self._cache is not None
        return self._cache.digest(question)

    def digest_of_line(self, line: bytes) -> Digest:
        """What stands for a line, whatever its number, where anything is remembered."""
        assert self._cache is not None
        return self._cache.lines.digest(line)

    def find(self, account: Account, digest: Digest, now: float) -> CachedVerdict | None:
        """The verdict on it, where one still counts."""
        return None if self._cache is None else self._cache.find(account, digest, now)

    def join(self, question: PasswordRequest, digest: Digest, key: int, pending: Container[int]) -> bool:
        """Have the request `key` wait for this check; whether one that is still `pending` has asked for it."""
        checking = self._by_digest.get(digest)
        if checking is not None and checking.keys[0] in pending:
            checking.keys.append(key)
            self._by_key[key] = checking
            return True
        account = question.account
        self._by_digest[digest] = self._by_key[key] = SharedCheck(question, account, digest, [key])
        self._digests.setdefault(account, set()).add(digest)
        return False

    def let_go(self, keys: Iterable[int], pending: Container[int]) -> None:
        """Hold no password for these requests, where none of those that wait for the same check is still `pending`."""
        if not self._by_key:
            return
        for key in keys:
            checking = self._by_key.get(key)
            if checking is not None and not any(other in pending for other in reversed(checking.keys)):
                checking.question = None

    @property
    def is_checking_any(self) -> bool:
        """Whether any request waits for a check, or has waited for one that is not settled."""
        return bool(self._by_key)

    def is_checking(self, key: int) -> bool:
        """Whether the request `key` is one of those."""
        return key in self._by_key

    def settle(self, key: int, decision: Result, now: float, *, keep: bool) -> tuple[list[int], CachedVerdict | None]:
        """Who waited for what the request `key` asked; and the verdict as it is kept, where it is, and where `keep`."""
        checking = self._by_key[key]
        for each in checking.keys:
            del self._by_key[each]
        is_current = self._by_digest.get(checking.digest) is checking
        if is_current:
            self._forget(checking.account, [checking.digest])
        if not (keep and is_current and isinstance(decision, VerdictResult)) or decision.provisional:
            return checking.keys, None
        assert self._cache is not None
        if is_about_the_account(decision.verdict):
            self._forget(checking.account, [*self._digests.get(checking.account, ())])
        return checking.keys, self._cache.store(checking.account, checking.digest, decision, now)

    def _forget(self, account: Account, digests: list[Digest]) -> None:
        """Keep no verdict on these checks of this account, and have nobody join them any more."""
        for digest in digests:
            del self._by_digest[digest]
            self._digests[account].remove(digest)
        if digests and not self._digests[account]:
            del self._digests[account]

    def ask_again(self, key: int, pending: Container[int]) -> tuple[int, PasswordRequest] | None:
        """The question of the request `key`, for the first of those that joined it and still wait; None: none does.

        For when it could not be told before its own deadline: theirs are later.
        """
        checking = self._by_key[key]
        waiting = [each for each in checking.keys if each in pending]
        if not waiting:
            return None
        for each in checking.keys:
            if each not in pending:
                del self._by_key[each]
        checking.keys = waiting
        assert checking.question is not None  # somebody waits
        return waiting[0], checking.question

    def learn(self, line: Digest, known: CachedVerdict, answer: bytes, record: Record | None = None) -> None:
        """Answer that line so from now on, as long as the verdict counts; `record` is what the log is told then."""
        if self._cache is not None:
            self._cache.learn(line, known, answer, record)

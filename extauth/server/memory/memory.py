"""What the front desk remembers of passwords: those that were checked, and those that are being checked."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from extauth.config import Config
from extauth.model import Account, Decided, Decision, PasswordCheck
from extauth.protocol.framing import Line
from extauth.server.log import Log, Record
from extauth.server.memory.cache import VerdictCache
from extauth.server.memory.keyed import Digest
from extauth.server.memory.known import Known


class Checking(msgspec.Struct):
    """A password that is being checked: `keys` of the requests that wait for it, the first of which has asked."""

    question: PasswordCheck
    digest: Digest
    keys: list[int]


class Memory:
    """A verdict cache and its shortcut, where `[cache]` is configured; and each password is checked once at a time.

    Whatever a new configuration or a changed file makes obsolete, it forgets by `configure`: a verdict that was asked
    for before that is given to those who asked, and not kept.
    """

    def __init__(self) -> None:
        self._cache: VerdictCache | None = None
        self.remembers = False
        self._emergency: frozenset[str] = frozenset()
        self._by_digest: dict[Digest, Checking] = {}
        self._by_key: dict[int, Checking] = {}

    def configure(self, config: Config) -> None:
        """Forget every verdict, and go on as this configuration says."""
        settings = config.cache
        self._cache = None if settings is None else VerdictCache(settings)
        self.remembers = settings is not None
        self._emergency = frozenset(backend.name for backend in config.backends if backend.emergency)
        self._by_digest.clear()

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

    def digest(self, question: PasswordCheck) -> Digest:
        """What stands for this account and password, where anything is remembered."""
        assert self._cache is not None
        return self._cache.digest(question)

    def digest_of_line(self, line: bytes) -> Digest:
        """What stands for a line, whatever its number, where anything is remembered."""
        assert self._cache is not None
        return self._cache.lines.digest(line)

    def find(self, account: Account, digest: Digest, now: float) -> Known | None:
        """The verdict on it, where one still counts."""
        return None if self._cache is None else self._cache.find(account, digest, now)

    def join(self, question: PasswordCheck, digest: Digest, key: int, pending: Container[int]) -> bool:
        """Have the request `key` wait for this check; whether one that is still `pending` has asked for it."""
        checking = self._by_digest.get(digest)
        if checking is not None and checking.keys[0] in pending:
            checking.keys.append(key)
            return True
        self._by_digest[digest] = self._by_key[key] = Checking(question, digest, [key])
        return False

    @property
    def is_checking_any(self) -> bool:
        """Whether any request has asked for a check, and that is not settled."""
        return bool(self._by_key)

    def is_checking(self, key: int) -> bool:
        """Whether the request `key` has asked for a check."""
        return key in self._by_key

    def settle(self, key: int, decision: Decision, now: float, *, keep: bool) -> tuple[list[int], Known | None]:
        """Who waited for what the request `key` asked; and the verdict as it is kept, where it is, and where `keep`."""
        checking = self._by_key.pop(key)
        is_current = self._by_digest.get(checking.digest) is checking
        if is_current:
            del self._by_digest[checking.digest]
        if not (keep and is_current and isinstance(decision, Decided)) or decision.backend in self._emergency:
            return checking.keys, None
        assert self._cache is not None
        return checking.keys, self._cache.store(checking.question.account, checking.digest, decision, now)

    def ask_again(self, key: int, pending: Container[int]) -> tuple[int, PasswordCheck] | None:
        """The question of the request `key`, for the first of those that joined it and still wait; None: none does.

        For when it could not be told before its own deadline: theirs are later.
        """
        waiting = [each for each in self._by_key[key].keys if each in pending]
        if not waiting:
            return None
        checking = self._by_key.pop(key)
        checking.keys = waiting
        self._by_key[waiting[0]] = checking
        return waiting[0], checking.question

    def learn(self, line: Digest, known: Known, answer: bytes, record: Record | None = None) -> None:
        """Answer that line so from now on, as long as the verdict counts; `record` is what the log is told then."""
        if self._cache is not None:
            self._cache.learn(line, known, answer, record)

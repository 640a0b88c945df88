"""The throttle (`[throttle]`): logins of an account with many different wrong passwords are delayed, never refused.

A phone that repeats one old password is not punished: only different wrong passwords count. Keyed digests of them stay
here. With `storage`, several servers share the counts, and nothing else.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque

from extauth.config import ThrottleSettings
from extauth.frontend.cache.lines import KeyedDigest, new_keyed_hash
from extauth.model import Account, PasswordRequest, Request, ResponseRequest

MOST_WAITING = 8
"""Requests of one account that may be delayed at the same time. More get a negative reply at once."""

_MAX_ACCOUNTS = 50_000  # of about 500 bytes, and more for those with many wrong passwords
_MORE_DIGESTS = 16  # digests of one account that are kept beyond `failures`: more change no delay


class WrongPasswords:
    """One account's different wrong passwords of the last `window` seconds: digests, and when they came last.

    `shared`: how many all servers have counted, and `shared_until`: how long that counts (monotonic seconds).
    `waiting`: how many requests of the account are delayed.
    """

    __slots__ = ("digests", "shared", "shared_until", "waiting")

    def __init__(self) -> None:
        self.digests: OrderedDict[KeyedDigest, float] = OrderedDict()
        self.shared = 0
        self.shared_until = 0.0
        self.waiting = 0

    def add(self, digest: KeyedDigest, now: float, most: int) -> bool:
        """Count a wrong password, and keep at most `most`. Return whether it is a new one."""
        is_new = digest not in self.digests
        self.digests[digest] = now
        self.digests.move_to_end(digest)
        if len(self.digests) > most:
            self.digests.popitem(last=False)
        return is_new

    def share(self, count: int, until: float) -> None:
        """Take the count of all servers."""
        self.shared, self.shared_until = count, until

    def begin_to_wait(self) -> bool:
        """Count a request that is delayed. Return False if too many are."""
        if self.waiting >= MOST_WAITING:
            return False
        self.waiting += 1
        return True

    def end_to_wait(self) -> None:
        """Count a request that is delayed no longer."""
        self.waiting = max(0, self.waiting - 1)

    def count(self, now: float, window: float) -> int:
        """Return how many there were."""
        while self.digests and now - next(iter(self.digests.values())) > window:
            self.digests.popitem(last=False)
        return max(len(self.digests), self.shared if now < self.shared_until else 0)


class Throttle:
    """Counts wrong passwords, and says how long a login must wait."""

    def __init__(self) -> None:
        self._settings: ThrottleSettings | None = None
        self._accounts: OrderedDict[Account, WrongPasswords] = OrderedDict()
        self._hash = new_keyed_hash()
        self.new_failures: deque[Account] = deque(maxlen=_MAX_ACCOUNTS)
        """Accounts with one more wrong password, for the storage that several servers share."""

    def configure(self, settings: ThrottleSettings | None) -> None:
        """Use these settings. What was counted stays."""
        self._settings = settings
        if settings is None:
            self._accounts.clear()

    @property
    def is_enabled(self) -> bool:
        """Whether there is a `[throttle]` section."""
        return self._settings is not None

    @property
    def is_delaying(self) -> bool:
        """Whether an account may have wrong passwords. If not, no login needs to be looked at."""
        return bool(self._accounts)

    def forget_old(self, now: float) -> None:
        """Forget the accounts whose wrong passwords no longer count."""
        while self._settings is not None and self._accounts:
            account, oldest = next(iter(self._accounts.items()))
            if oldest.waiting or oldest.count(now, self._settings.window):
                return
            del self._accounts[account]

    def delay(self, account: Account, now: float) -> float:
        """Return for how many seconds a login of this account must wait; 0.0: not at all."""
        settings, found = self._settings, self._accounts.get(account)
        if settings is None or found is None:
            return 0.0
        beyond = found.count(now, settings.window) - settings.failures
        return 0.0 if beyond < 0 else min(settings.longest_delay, settings.delay * 2.0 ** min(beyond, 16))

    def begin_to_wait(self, account: Account) -> bool:
        """Count a request that is delayed. Return False if too many of this account are."""
        return self._accounts[account].begin_to_wait()

    def end_to_wait(self, account: Account) -> None:
        """Count a request that is delayed no longer."""
        found = self._accounts.get(account)
        if found is not None:
            found.end_to_wait()

    def add_failure(self, request: Request) -> None:
        """Count a wrong password, or a wrong response, unless it has been counted before."""
        if self._settings is None or not isinstance(request, PasswordRequest | ResponseRequest):
            return
        keyed = self._hash.copy()
        if isinstance(request, PasswordRequest):
            keyed.update(request.password.reveal())
        else:
            keyed.update(request.challenge.reveal() + b"\0" + request.response.reveal())
        found = self._of(request.account)
        if found.add(keyed.digest(), time.monotonic(), self._settings.failures + _MORE_DIGESTS):
            self.new_failures.append(request.account)

    def set_shared_count(self, account: Account, count: int, now: float) -> None:
        """Take the count of all servers that share a storage."""
        if self._settings is not None:
            self._of(account).share(count, now + self._settings.window)

    def _of(self, account: Account) -> WrongPasswords:
        found = self._accounts.get(account)
        if found is None:
            if len(self._accounts) >= _MAX_ACCOUNTS:
                self._accounts.popitem(last=False)
            found = self._accounts[account] = WrongPasswords()
        self._accounts.move_to_end(account)
        return found

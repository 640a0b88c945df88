"""The mail server's limit on failed logins of an account, `FailedLoginFlow` (docs/mail-server-rules.md)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

from extauth.harness.mail.server_settings import FailedLoginFlow
from extauth.model import Account

TOO_MANY = "rejected: too many failed logins"
"""The reason in the log, as the mail server writes it."""

_MAX_ACCOUNTS = 100_000  # the one whose last login began the longest ago is forgotten


class CountedLogin:
    """A login that counts as failed, unless it is given back."""

    def __init__(self) -> None:
        self.has_failed = True

    def give_back(self) -> None:
        """Stop counting it: it has succeeded, or the failure was temporary."""
        self.has_failed = False


class LoginLimit:
    """Counts the failed logins of each account.

    A login counts from its beginning. Otherwise many at the same time would pass before the first of them has failed.
    """

    def __init__(self) -> None:
        self._accounts: dict[Account, _Logins] = {}

    @contextlib.asynccontextmanager
    async def count(self, account: Account, flow: FailedLoginFlow) -> AsyncIterator[CountedLogin | None]:
        """Count a login. In the context it is None if the account has failed as often as `flow` allows.

        If it depends on logins that are under way, it waits for them.
        """
        while (failed := (logins := self._take(account)).count_failed(flow)) < flow.count <= failed + logins.under_way:
            await logins.wait_for_end()
        if failed >= flow.count:
            yield None
            return
        login = CountedLogin()
        logins.under_way += 1
        try:
            yield login
        finally:
            logins.end(failed=login.has_failed)

    def _take(self, account: Account) -> _Logins:
        """Return the logins of an account, which is now the last one to be forgotten."""
        logins = self._accounts.pop(account, None) or _Logins()
        self._accounts[account] = logins
        if len(self._accounts) > _MAX_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]
        return logins


class _Logins:
    """The logins of one account."""

    def __init__(self) -> None:
        self.under_way = 0
        self._failures: deque[float] = deque()  # when they failed (monotonic seconds)
        self._ended = asyncio.Event()

    def count_failed(self, flow: FailedLoginFlow) -> int:
        """Return how many have failed within the period of `flow`, and forget older ones."""
        since = time.monotonic() - flow.period
        while self._failures and self._failures[0] <= since:
            self._failures.popleft()
        return len(self._failures)

    def end(self, *, failed: bool) -> None:
        """Take the end of a login."""
        self.under_way -= 1
        if failed:
            self._failures.append(time.monotonic())
        self._ended.set()

    async def wait_for_end(self) -> None:
        """Wait until a login ends."""
        self._ended.clear()
        await self._ended.wait()

"""The mail server's limit on failed logins of an account, `FailedLoginFlow` (docs/mail-server.md)."""

from __future__ import annotations

import time
from collections import deque

from extauth.harness.mail.domain_settings import FailedLoginFlow
from extauth.model import Account

TOO_MANY = "rejected: too many failed logins"
"""The reason in the log, as the mail server writes it."""

_MAX_ACCOUNTS = 100_000  # the one whose last failure is the oldest is forgotten


class LoginLimit:
    """Counts the failed logins of each account."""

    def __init__(self) -> None:
        self._failures: dict[Account, deque[float]] = {}

    def is_exceeded(self, account: Account, flow: FailedLoginFlow) -> bool:
        """Return True if the account had as many failed logins as `flow` allows, within its period."""
        failures = self._failures.get(account, deque())
        since = time.monotonic() - flow.period
        return len(failures) >= flow.count and failures[-flow.count] > since

    def add_failure(self, account: Account, flow: FailedLoginFlow) -> None:
        """Count a failed login."""
        failures = self._failures.pop(account, deque())
        while len(failures) >= flow.count:
            failures.popleft()
        failures.append(time.monotonic())
        self._failures[account] = failures
        if len(self._failures) > _MAX_ACCOUNTS:
            del self._failures[next(iter(self._failures))]

"""A backend that always gives the result that its configuration names."""

from __future__ import annotations

import threading

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, TemporaryFailure, Verdict, VerdictResult


class FixedResultSettings(Settings, frozen=True):
    result: str


class FixedResult(Backend[FixedResultSettings]):
    Settings = FixedResultSettings
    concurrency = 1

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        return self._result()

    def lookup_secret(self, account: Account) -> Verdict | VerdictResult:
        return self._result()

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        return self._result()

    def _result(self) -> Verdict:
        result = self.settings.result
        if result == "unavailable":
            raise BackendUnavailable("connection refused")
        if result == "temporary failure":
            raise TemporaryFailure("no list of accounts")
        if result == "bug":
            raise ValueError
        if result == "hang":
            threading.Event().wait()
        return Verdict[result]

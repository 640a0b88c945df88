"""A backend that says what its configuration says."""

from __future__ import annotations

import threading

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, TemporaryFailure, Verdict, VerdictResult


class SaysSettings(Settings, frozen=True):
    says: str


class Says(Backend[SaysSettings]):
    Settings = SaysSettings
    concurrency = 1

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        return self._say()

    def lookup_secret(self, account: Account) -> Verdict | VerdictResult:
        return self._say()

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        return self._say()

    def _say(self) -> Verdict:
        said = self.settings.says
        if said == "an outage":
            raise BackendUnavailable("out of reach")
        if said == "cannot tell":
            raise TemporaryFailure("no list of accounts")
        if said == "a bug":
            raise ValueError
        if said == "nothing":
            threading.Event().wait()
        return Verdict[said]

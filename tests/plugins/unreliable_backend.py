"""A backend that hangs, crashes, raises or is unavailable for some accounts, and accepts all others."""

import os
import threading
from pathlib import Path

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, Verdict


class UnreliableSettings(Settings, frozen=True):
    """`outage`: while this file exists, the backend is unavailable."""

    outage: Path


class UnreliableBackend(Backend[UnreliableSettings]):
    """The start of the account name says what it does."""

    Settings = UnreliableSettings

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        if account.name.startswith("hang"):
            threading.Event().wait()
        if account.name.startswith("crash"):
            os._exit(3)
        if account.name.startswith("raise"):
            raise RuntimeError(account.name)
        if account.name.startswith(("unavailable", "emergency")) or self.settings.outage.exists():
            raise BackendUnavailable("connection refused")
        return Verdict.OK

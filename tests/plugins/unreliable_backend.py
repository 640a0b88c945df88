"""A backend that hangs, crashes or raises for some accounts, and accepts all others."""

import os
import threading

from extauth import Account, Backend, Secret, Settings, Verdict


class UnreliableBackend(Backend[Settings]):
    """The start of the account name says what it does."""

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        if account.name.startswith("hang"):
            threading.Event().wait()
        if account.name.startswith("crash"):
            os._exit(3)
        if account.name.startswith("raise"):
            raise RuntimeError(account.name)
        return Verdict.OK

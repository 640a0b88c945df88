"""A backend that hangs, crashes or raises for some accounts, and lets everybody else in."""

import os
import time

from extauth import Account, Backend, Secret, Settings, Verdict


class Erratic(Backend[Settings]):
    """Does what the account's name begins with."""

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        """OK, if anything."""
        if account.name.startswith("hang"):
            time.sleep(3600)
        if account.name.startswith("crash"):
            os._exit(3)
        if account.name.startswith("raise"):
            raise RuntimeError(account.name)
        return Verdict.OK

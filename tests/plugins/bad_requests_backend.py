"""A backend in which some passwords crash the worker, hang, or hold the interpreter lock. The others take a while."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

from extauth import Account, Backend, Secret, Settings, Verdict

_sleep_with_the_lock = ctypes.PyDLL(None).sleep


class BadRequestsSettings(Settings, frozen=True):
    """`seconds`: how long a good request takes. `repeatable`: whether it may be sent to another worker."""

    seconds: float
    repeatable: bool


class BadRequestsBackend(Backend[BadRequestsSettings]):
    """Does what the password says."""

    Settings = BadRequestsSettings

    def load(self) -> None:
        self.repeatable = self.settings.repeatable

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        if password.matches(b"crash"):
            os.kill(os.getpid(), signal.SIGKILL)
        elif password.matches(b"hang"):
            threading.Event().wait()
        elif password.matches(b"lock"):
            _sleep_with_the_lock(3600)
        time.sleep(self.settings.seconds)
        return Verdict.OK if password.matches(b"good") else Verdict.PASSWORD_MISMATCH

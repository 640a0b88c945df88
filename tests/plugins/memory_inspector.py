"""A backend that looks for cached data of the frontend in its own process."""

from __future__ import annotations

import gc
import threading

from extauth import Account, Backend, Secret, Settings, Verdict

_FRONTEND_CLASSES = {"VerdictCache", "SharedCheck", "PendingRequest"}


class MemoryInspector(Backend[Settings]):
    """Returns OK if it found no such data. The password "wait" waits forever."""

    def load(self) -> None:
        self._found = _FRONTEND_CLASSES & {type(each).__name__ for each in gc.get_objects()}

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        if password == Secret(b"wait"):
            threading.Event().wait()
        return Verdict.USER_DISABLED if self._found else Verdict.OK

"""A backend that looks, when it is loaded, for what only the front process should have."""

from __future__ import annotations

import gc
import threading

from extauth import Account, Backend, Secret, Settings, Verdict

_KEPT_IN_FRONT = {"VerdictCache", "SharedCheck"}


class LooksAround(Backend[Settings]):
    """Lets in whoever comes, unless it has seen such a thing; "wait" waits for ever."""

    def load(self) -> None:
        self._sees = _KEPT_IN_FRONT & {type(each).__name__ for each in gc.get_objects()}

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        if password == Secret(b"wait"):
            threading.Event().wait()
        return Verdict.USER_DISABLED if self._sees else Verdict.OK

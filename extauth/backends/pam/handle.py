"""libpam's handle: it serves one question, and no other one gets it; shared ones crash."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import Any

from extauth.backends.pam.outcome import SUCCESS, Outcome

_SYSTEM_ERR = 4
_FAIL_DELAY = 10
_SILENT = 0x8000
_DISALLOW_NULL_AUTHTOK = 0x0001
_FLAGS = _SILENT | _DISALLOW_NULL_AUTHTOK

_DelayFunction = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
_no_delay = _DelayFunction(lambda code, microseconds, data: None)
_NO_DELAY = ctypes.cast(_no_delay, ctypes.c_void_p)


class Handle:
    """What `pam_start` has begun, to be ended once.

    `pam` has libpam's functions; `started` is what `pam_start` made, `talk` the conversation that it points to.
    """

    __slots__ = ("_code", "_pam", "_started", "_talk")

    def __init__(self, pam: Any, started: Any, talk: Any) -> None:
        self._pam = pam
        self._started = started
        self._talk = talk  # must live as long
        self._code = _SYSTEM_ERR  # nobody has been asked

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def authenticate(self) -> bool:
        """Have the password checked, without the delay that follows a wrong one; whether it is right."""
        self._pam.pam_set_item(self._started, _FAIL_DELAY, _NO_DELAY)
        self._code = self._pam.pam_authenticate(self._started, _FLAGS)
        return self._code == SUCCESS

    def manage_account(self) -> None:
        """Have it checked whether the account may be used."""
        self._code = self._pam.pam_acct_mgmt(self._started, _FLAGS)

    def outcome(self, *, account_stage: bool) -> Outcome:
        """What libpam answered last, in the account stage or before."""
        text = self._pam.pam_strerror(self._started, self._code).decode("latin-1")  # which never fails
        return Outcome(self._code, text, account_stage)

    def end(self) -> None:
        """Have libpam forget all of it."""
        self._pam.pam_end(self._started, self._code)

"""One question to libpam, through python-pam.

python-pam puts libpam's functions on each object, to be replaced there: that is how the flags, the delay and the
folder of service files are set. An object serves one question: shared ones crash.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

from pam import PamAuthenticator  # type: ignore[import-untyped]  # it has no annotations to be found

from extauth.backends.pam.outcome import SUCCESS, Outcome

_FAIL_DELAY = 10
_SILENT = 0x8000
_DISALLOW_NULL_AUTHTOK = 0x0001
_FLAGS = _SILENT | _DISALLOW_NULL_AUTHTOK
_LATIN_1 = "latin-1"  # of what modules say: this never fails to decode

_DelayFunction = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
_no_delay = _DelayFunction(lambda code, microseconds, data: None)


def _soname(library: str) -> str | None:
    """Under which name libpam's own library, or the one for applications, can be loaded; None where it is not there."""
    name = f"lib{library}.so.0"
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


# python-pam looks its libraries up by ctypes.util.find_library, which runs a program for each of them
sys.modules[PamAuthenticator.__module__].find_library = _soname  # type: ignore[attr-defined]


class Service:
    """A service of PAM's, by its name; `folder` is where its file is, None: where the system's are.

    Raises OSError or AttributeError where libpam is missing or too old.
    """

    def __init__(self, name: str, folder: Path | None) -> None:
        self._name = name.encode()
        self._folder = None if folder is None else bytes(folder)
        PamAuthenticator()  # loads libpam: here, and not in each worker
        self._start_in_folder = None if folder is None else ctypes.CDLL("libpam.so.0").pam_start_confdir

    def ask(self, user: bytes, password: bytes) -> Outcome:
        """Authenticate, then ask whether the account may be used."""
        pam = self._transaction()
        authenticate, manage_account = pam.pam_authenticate, pam.pam_acct_mgmt
        reached: list[int] = []

        def without_delay(handle: Any, flags: int) -> Any:
            PamAuthenticator.pam_set_item(handle, _FAIL_DELAY, ctypes.cast(_no_delay, ctypes.c_void_p))
            return authenticate(handle, flags | _FLAGS)

        def account_stage(handle: Any, flags: int) -> Any:
            code = manage_account(handle, flags | _FLAGS)
            reached.append(code)
            return code

        pam.pam_authenticate, pam.pam_acct_mgmt = without_delay, account_stage
        pam.authenticate(user, password, self._name, encoding=_LATIN_1, resetcreds=False)
        return Outcome(pam.code, str(pam.reason), account_stage=bool(reached))

    def ask_account(self, user: bytes) -> Outcome:
        """Ask whether the account may be used, whatever its password."""
        pam = self._transaction()
        manage_account = pam.pam_acct_mgmt
        pam.pam_authenticate = lambda handle, flags: SUCCESS
        pam.pam_acct_mgmt = lambda handle, flags: manage_account(handle, flags | _FLAGS)
        pam.authenticate(user, b"", self._name, encoding=_LATIN_1, resetcreds=False)
        return Outcome(pam.code, str(pam.reason), account_stage=True)

    def hold(self) -> Any:
        """Have the service's modules loaded until `end` of what this returns: most of a login's time goes there."""
        pam = self._transaction()
        pam.pam_authenticate = lambda handle, flags: SUCCESS  # nobody is asked about anybody
        pam.pam_acct_mgmt = lambda handle, flags: SUCCESS
        pam.authenticate(b"", b"", self._name, call_end=False, encoding=_LATIN_1, resetcreds=False)
        return pam

    def _transaction(self) -> Any:
        pam = PamAuthenticator()
        pam.pam_set_item = lambda handle, item, value: SUCCESS  # no PAM_TTY from the environment's DISPLAY
        if self._start_in_folder is not None:
            start, folder = self._start_in_folder, self._folder
            pam.pam_start = lambda name, user, talk, handle: start(name, user, talk, folder, handle)
        return pam

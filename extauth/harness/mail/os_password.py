"""The OS password: the system's PAM says whether it is right (docs/protocol.md, section 6)."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from extauth.errors import ConfigError
from extauth.model import Secret

_DISALLOW_NULL_AUTHTOK = 0x0001  # of <security/_pam_types.h>; python-pam passes no flags


class OsPasswords:
    """Asks one service of PAM; `folder` is where its file is, None: where the system's are.

    Raises ConfigError where that cannot be done on this system.
    """

    def __init__(self, service: str, folder: Path | None) -> None:
        try:
            from pam import PamAuthenticator  # type: ignore[import-untyped]
        except ImportError:
            raise ConfigError("use_os_password needs python-pam; install it with: pip install python-pam") from None
        self._service = service
        self._folder = None if folder is None else bytes(folder)
        self._new_transaction: Any = PamAuthenticator
        try:
            self._new_transaction()
            self._start_in_folder = None if folder is None else ctypes.CDLL("libpam.so.0").pam_start_confdir
        except (OSError, AttributeError):
            raise ConfigError("use_os_password needs libpam 1.4; on Debian: apt-get install libpam0g") from None

    def check(self, user: str, password: Secret) -> bool:
        """Whether PAM lets the OS user in. May take seconds: PAM delays a refusal.

        A user whose stored password is empty is not let in, even where the modules would do so (`nullok`).
        """
        given = password.reveal()
        if not given or b"\0" in given:  # PAM reads up to a NUL
            return False
        pam = self._new_transaction()
        authenticate, manage_account = pam.pam_authenticate, pam.pam_acct_mgmt
        pam.pam_authenticate = lambda handle, flags: authenticate(handle, flags | _DISALLOW_NULL_AUTHTOK)
        pam.pam_acct_mgmt = lambda handle, flags: manage_account(handle, flags | _DISALLOW_NULL_AUTHTOK)
        if self._start_in_folder is not None:
            start, folder = self._start_in_folder, self._folder
            pam.pam_start = lambda name, user, talk, handle: start(name, user, talk, folder, handle)
        return bool(pam.authenticate(user.encode(), given, self._service.encode(), resetcreds=False))

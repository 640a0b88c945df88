"""One question to libpam, by the functions and structures that python-pam declares.

Its own `authenticate` is not called: it passes no flags, and keeps the delay.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from pam import PamAuthenticator  # type: ignore[import-untyped]  # it has no annotations to be found
from pam.__internals import PamHandle  # type: ignore[import-untyped]

from extauth.backends.pam.conversation import conversation
from extauth.backends.pam.handle import Handle
from extauth.backends.pam.outcome import SUCCESS, Outcome
from extauth.errors import BackendUnavailable


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
        self._pam = PamAuthenticator()  # loads libpam: here, and not in each worker
        self._name = name.encode()
        self._folder = None if folder is None else bytes(folder)
        if folder is not None:
            self._start_in_folder = ctypes.CDLL("libpam.so.0").pam_start_confdir
            before, after = self._pam.pam_start.argtypes[:-1], self._pam.pam_start.argtypes[-1:]
            self._start_in_folder.argtypes = [*before, ctypes.c_char_p, *after]

    def ask(self, user: bytes, password: bytes) -> Outcome:
        """Authenticate, then ask whether the account may be used. Raises BackendUnavailable."""
        with self._begin(user, password) as handle:
            is_right = handle.authenticate()
            if is_right:
                handle.manage_account()
            return handle.outcome(account_stage=is_right)

    def ask_account(self, user: bytes) -> Outcome:
        """Ask whether the account may be used, whatever its password. Raises BackendUnavailable."""
        with self._begin(user, b"") as handle:
            handle.manage_account()
            return handle.outcome(account_stage=True)

    def hold(self) -> Handle:
        """Have the service's modules loaded until `end` of what this returns: most of a login's time goes there."""
        return self._begin(b"", b"")

    def _begin(self, user: bytes, password: bytes) -> Handle:
        if b"\0" in user or b"\0" in password:
            raise ValueError("libpam would read up to the NUL")
        talk, started = conversation(password), PamHandle()
        if self._folder is None:
            code = self._pam.pam_start(self._name, user, ctypes.byref(talk), ctypes.byref(started))
        else:
            code = self._start_in_folder(self._name, user, ctypes.byref(talk), self._folder, ctypes.byref(started))
        if code != SUCCESS:
            text = self._pam.pam_strerror(started, code).decode("latin-1")
            raise BackendUnavailable(f"PAM does not start: {text} (code {code})")
        return Handle(self._pam, started, talk)

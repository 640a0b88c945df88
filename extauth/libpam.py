"""The binding to libpam. This is the only module that uses python-pam.

It takes the declarations of libpam's functions and structures from python-pam. Some of them are private there.
It does not call python-pam's own `authenticate`, which passes no flags to libpam.
tests/test_libpam.py fails if a new release of python-pam changes something that this module uses.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import pam  # type: ignore[import-untyped]
from pam import PamAuthenticator
from pam.__internals import PamConv, PamHandle, PamResponse, conv_func  # type: ignore[import-untyped]

from extauth.errors import BackendUnavailable

_SUCCESS: int = pam.PAM_SUCCESS
_FLAGS: int = pam.PAM_SILENT | pam.PAM_DISALLOW_NULL_AUTHTOK
_FAIL_DELAY = 10  # PAM_FAIL_DELAY of security/_pam_types.h
_RESPONSE_SIZE = ctypes.sizeof(PamResponse)

_DelayFunction = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
_no_delay = _DelayFunction(lambda code, microseconds, data: None)
_NO_DELAY = ctypes.cast(_no_delay, ctypes.c_void_p)


def _find_library(library: str) -> str | None:
    """Return the file name of libpam or libpam_misc; None if it cannot be loaded."""
    name = f"lib{library}.so.0"
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


# python-pam uses ctypes.util.find_library, which starts a program for each library.
sys.modules[PamAuthenticator.__module__].find_library = _find_library  # type: ignore[attr-defined]


class PamResult(msgspec.Struct, frozen=True):
    """The last return code of libpam, its text, and whether it came from the account stage."""

    code: int
    text: str
    account_stage: bool

    @property
    def is_success(self) -> bool:
        """Whether every stage succeeded."""
        return self.code == _SUCCESS


class PamTransaction:
    """One transaction of libpam. Call `end` once. Two threads must not share one: libpam would crash."""

    __slots__ = ("_code", "_conversation", "_handle", "_libpam")

    def __init__(self, libpam: Any, handle: Any, conversation: Any) -> None:
        self._libpam = libpam
        self._handle = handle
        self._conversation = conversation  # the handle points to it
        self._code: int = pam.PAM_SYSTEM_ERR

    def __enter__(self) -> PamTransaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def authenticate(self, *, fail_delay: bool) -> bool:
        """Return whether the password is right. `fail_delay`: let libpam sleep after a wrong password."""
        if not fail_delay:
            self._libpam.pam_set_item(self._handle, _FAIL_DELAY, _NO_DELAY)
        self._code = self._libpam.pam_authenticate(self._handle, _FLAGS)
        return self._code == _SUCCESS

    def check_account(self) -> None:
        """Run the account stage: may the account be used?"""
        self._code = self._libpam.pam_acct_mgmt(self._handle, _FLAGS)

    def result(self, *, account_stage: bool) -> PamResult:
        """Return the last return code. `account_stage` says which stage returned it."""
        text = self._libpam.pam_strerror(self._handle, self._code).decode("latin-1")  # latin-1 never fails
        return PamResult(self._code, text, account_stage)

    def end(self) -> None:
        """Free the transaction."""
        self._libpam.pam_end(self._handle, self._code)


class PamService:
    """A PAM service. `folder` holds its service file; None: libpam looks in the system's folders.

    `fail_delay`: let libpam sleep after a wrong password. `terminal`: give it to the modules as PAM_TTY and
    PAM_XDISPLAY. Raises OSError or AttributeError if libpam is missing or too old.
    """

    def __init__(
        self, name: str, folder: Path | None, *, fail_delay: bool = False, terminal: bytes | None = None
    ) -> None:
        self._libpam = PamAuthenticator()  # loads libpam
        self._name = name.encode()
        self._folder = None if folder is None else bytes(folder)
        self._fail_delay = fail_delay
        self._terminal = terminal
        if folder is not None:
            self._start_in_folder = ctypes.CDLL("libpam.so.0").pam_start_confdir
            before, after = self._libpam.pam_start.argtypes[:-1], self._libpam.pam_start.argtypes[-1:]
            self._start_in_folder.argtypes = [*before, ctypes.c_char_p, *after]

    def authenticate(self, user: bytes, password: bytes) -> PamResult:
        """Check the password, then the account. Raises BackendUnavailable if libpam cannot start."""
        with self._start(user, password) as transaction:
            is_right = transaction.authenticate(fail_delay=self._fail_delay)
            if is_right:
                transaction.check_account()
            return transaction.result(account_stage=is_right)

    def check_account(self, user: bytes) -> PamResult:
        """Check the account without a password. Raises BackendUnavailable if libpam cannot start."""
        with self._start(user, b"") as transaction:
            transaction.check_account()
            return transaction.result(account_stage=True)

    def load_modules(self) -> PamTransaction:
        """Load the modules of the service. They stay loaded until the returned transaction ends.

        Loading them takes most of the time of a login.
        """
        return self._start(b"", b"")

    def _start(self, user: bytes, password: bytes) -> PamTransaction:
        if b"\0" in user or b"\0" in password:
            raise ValueError("libpam would read up to the NUL")
        conversation, handle = _conversation(password), PamHandle()
        conv = ctypes.byref(conversation)
        if self._folder is None:
            code = self._libpam.pam_start(self._name, user, conv, ctypes.byref(handle))
        else:
            code = self._start_in_folder(self._name, user, conv, self._folder, ctypes.byref(handle))
        if code != _SUCCESS:
            text = self._libpam.pam_strerror(handle, code).decode("latin-1")
            raise BackendUnavailable(f"PAM does not start: {text} (code {code})")
        if self._terminal is not None:
            self._libpam.pam_set_item(handle, pam.PAM_TTY, self._terminal)
            self._libpam.pam_set_item(handle, pam.PAM_XDISPLAY, self._terminal)
        return PamTransaction(self._libpam, handle, conversation)


def _conversation(password: bytes) -> Any:
    """Return a conversation (pam_conv(3)) that gives `password` to a prompt without echo.

    If a module sends several messages together, only the first one gets a response.
    """

    def respond(count: int, messages: Any, responses: Any, data: Any) -> int:
        address = PamAuthenticator.calloc(count, _RESPONSE_SIZE)
        if not address:
            return int(pam.PAM_BUF_ERR)
        response = PamResponse.from_address(address)
        if count and messages[0].contents.msg_style == pam.PAM_PROMPT_ECHO_OFF:
            response.resp = copy = PamAuthenticator.calloc(len(password) + 1, 1)
            if copy:
                ctypes.memmove(copy, password, len(password))
        responses[0] = ctypes.pointer(response)
        return int(pam.PAM_SUCCESS)

    return PamConv(conv_func(respond), None)

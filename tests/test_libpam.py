"""extauth.libpam relies on private parts of python-pam. These tests fail if a new release changes one of them."""

from __future__ import annotations

import ctypes
import inspect
from importlib.metadata import version
from pathlib import Path

import pytest

from extauth.errors import BackendUnavailable
from tests.backends.pam.services import Services

INSTALLED = version("python-pam")


def changed(part: str) -> str:
    """The message of a failed check."""
    return (
        f"python-pam {INSTALLED}: {part}: not as in 2.1. Compare pam/__internals.py with extauth/libpam.py, "
        "adapt libpam.py and this test, then raise the upper bound of python-pam in setup.cfg."
    )


try:
    import pam  # type: ignore[import-untyped]
    import pam.__internals as internals  # type: ignore[import-untyped]

    from extauth.libpam import PamService

    HANDLE, CONV, RESPONSE, CONV_FUNC = (
        internals.PamHandle,
        internals.PamConv,
        internals.PamResponse,
        internals.conv_func,
    )
except (AttributeError, ImportError) as missing:
    raise AssertionError(changed(f"a name ({missing})")) from missing


def test_the_release_of_python_pam_is_known() -> None:
    assert INSTALLED.startswith("2.1."), changed("the version")


@pytest.mark.parametrize(
    ("structure", "fields"),
    [
        ("PamHandle", [("handle", ctypes.c_void_p)]),
        ("PamMessage", [("msg_style", ctypes.c_int), ("msg", ctypes.c_char_p)]),
        ("PamResponse", [("resp", ctypes.c_char_p), ("resp_retcode", ctypes.c_int)]),
        ("PamConv", [("conv", CONV_FUNC), ("appdata_ptr", ctypes.c_void_p)]),
    ],
)
def test_a_structure_has_the_fields_of_libpam(structure: str, fields: list[tuple[str, type]]) -> None:
    assert getattr(internals, structure, None) is not None, changed(structure)
    assert getattr(internals, structure)._fields_ == fields, changed(f"{structure}._fields_")


def test_the_conversation_function_has_the_signature_of_pam_conv() -> None:
    messages, responses = (ctypes.POINTER(ctypes.POINTER(kind)) for kind in (internals.PamMessage, RESPONSE))
    assert CONV_FUNC._restype_ is ctypes.c_int, changed("the result of conv_func")
    assert CONV_FUNC._argtypes_ == (ctypes.c_int, messages, responses, ctypes.c_void_p), changed("conv_func")


@pytest.mark.parametrize(
    ("function", "result", "arguments"),
    [
        ("calloc", ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]),
        ("pam_start", ctypes.c_int, [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(CONV), ctypes.POINTER(HANDLE)]),
        ("pam_end", ctypes.c_int, [HANDLE, ctypes.c_int]),
        ("pam_authenticate", ctypes.c_int, [HANDLE, ctypes.c_int]),
        ("pam_acct_mgmt", ctypes.c_int, [HANDLE, ctypes.c_int]),
        ("pam_set_item", ctypes.c_int, [HANDLE, ctypes.c_int, ctypes.c_void_p]),
        ("pam_strerror", ctypes.c_char_p, [HANDLE, ctypes.c_int]),
    ],
)
def test_a_function_of_libpam_has_its_signature(function: str, result: type, arguments: list[type]) -> None:
    for owner in (pam.PamAuthenticator(), pam.PamAuthenticator):  # libpam.py uses both
        declared = getattr(owner, function, None)
        assert declared is not None, changed(f"PamAuthenticator.{function}")
        assert declared.restype is result, changed(f"the result of PamAuthenticator.{function}")
        assert declared.argtypes == arguments, changed(f"the arguments of PamAuthenticator.{function}")


def test_the_authenticator_needs_no_arguments() -> None:
    assert not inspect.signature(pam.PamAuthenticator).parameters, changed("PamAuthenticator()")


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("PAM_SUCCESS", 0),
        ("PAM_SYSTEM_ERR", 4),
        ("PAM_BUF_ERR", 5),
        ("PAM_PROMPT_ECHO_OFF", 1),
        ("PAM_TTY", 3),
        ("PAM_XDISPLAY", 11),
        ("PAM_SILENT", 0x8000),
        ("PAM_DISALLOW_NULL_AUTHTOK", 0x0001),
    ],
)
def test_a_constant_has_the_value_of_libpam(constant: str, value: int) -> None:
    assert getattr(pam, constant, None) == value, changed(f"pam.{constant}")


def test_the_libraries_are_found_by_our_function() -> None:
    assert pam.PamAuthenticator.__module__ == "pam.__internals", changed("the module of PamAuthenticator")
    loader = pam.PamAuthenticator._ensure_libs.__code__
    assert "find_library" in loader.co_names, changed("PamAuthenticator._ensure_libs, which calls find_library")
    assert internals.find_library.__module__ == "extauth.libpam", changed("find_library")
    assert internals.find_library("pam") == "libpam.so.0"
    assert internals.find_library("none-has-this-name") is None


def test_a_service_checks_a_password(tmp_path: Path) -> None:
    Services(tmp_path / "pam.d").pwdfile("mail", {"alice": "pw9"})
    service = PamService("mail", tmp_path / "pam.d")
    right, wrong = service.authenticate(b"alice", b"pw9"), service.authenticate(b"alice", b"no")
    assert (right.is_success, right.code, right.account_stage) == (True, 0, True)
    assert (wrong.is_success, wrong.code, wrong.account_stage) == (False, 7, False)
    assert wrong.text
    assert service.check_account(b"alice").is_success


@pytest.mark.parametrize(("user", "password"), [(b"ali\0ce", b"pw9"), (b"alice", b"pw9\0")])
def test_a_nul_is_refused(tmp_path: Path, user: bytes, password: bytes) -> None:
    Services(tmp_path / "pam.d").pwdfile("mail", {"alice": "pw9"})
    with pytest.raises(ValueError, match="NUL"):
        PamService("mail", tmp_path / "pam.d").authenticate(user, password)


def test_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"PAM does not start: .* \(code \d+\)"):
        PamService("mail", tmp_path / "none").authenticate(b"alice", b"pw9")

"""libcrypt through ctypes: memory, types, threads, and the parts of the library that we rely on."""

from __future__ import annotations

import ctypes
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extauth.model import Verdict
from extauth.passwords import libcrypt
from tests.passwords.checks import SALT22, verdict
from tests.passwords.stored_passwords import openssl


def test_working_memory_begins_at_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypt, "_thread", threading.local())
    libcrypt.crypt(b"pw", b"$1$a$")
    assert ctypes.addressof(libcrypt._thread.crypt_r[1]) % 4096 == 0


@pytest.mark.parametrize(("password", "setting"), [("pw", b"$1$a$"), (b"pw", "$1$a$"), (5, b"$1$a$"), (b"pw", None)])
def test_crypt_accepts_only_bytes(password: bytes, setting: bytes) -> None:
    with pytest.raises(TypeError):
        libcrypt.crypt(password, setting)


def test_many_threads_can_call_crypt_at_once() -> None:
    entries = [(password, openssl("-1")(password)) for password in (b"p%d" % number for number in range(8))]

    def check(number: int) -> bool:
        password, stored = entries[number % 8]
        return verdict(stored, password) is Verdict.OK and verdict(stored, b"~") is Verdict.PASSWORD_MISMATCH

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(check, range(400)))


SIZE_OF_CRYPT_DATA = """
#include <crypt.h>
#include <stdio.h>
int main(void) { printf("%zu", sizeof(struct crypt_data)); return 0; }
"""


def test_working_memory_holds_the_crypt_data_of_this_library(tmp_path: Path) -> None:
    source, program = tmp_path / "size.c", tmp_path / "size"
    source.write_text(SIZE_OF_CRYPT_DATA)
    subprocess.run(["gcc", str(source), "-o", str(program)], check=True, timeout=60)
    size = int(subprocess.run([str(program)], capture_output=True, check=True, timeout=30).stdout)
    assert size <= libcrypt._SIZE_OF_CRYPT_DATA


def test_libcrypt_is_found_and_knows_these_schemes() -> None:
    assert libcrypt._find_crypt_r() is not None
    for setting in (b"ab", b"$1$a$", b"$5$a$", b"$6$a$", b"$2b$04$" + SALT22, b"$y$j75$abcd$"):
        result = libcrypt.crypt(b"word", setting)
        assert result is not None
        assert result.startswith(setting)
        assert libcrypt.crypt(b"word", result) == result
        assert libcrypt.crypt(b"other", result) != result


@pytest.mark.parametrize("setting", [b"", b"*0", b"$z$abcd$", b"$apr1$abcd$", b"$y$zzzz$abcd$"])
def test_a_failure_of_crypt_is_none(setting: bytes) -> None:
    assert libcrypt.crypt(b"word", setting) is None


def test_crypt_takes_passwords_up_to_the_limit_we_assume() -> None:
    assert libcrypt.crypt(b"a" * libcrypt.MAX_PASSWORD, b"$6$a$") is not None
    assert libcrypt.crypt(b"a" * (libcrypt.MAX_PASSWORD + 1), b"$6$a$") is None

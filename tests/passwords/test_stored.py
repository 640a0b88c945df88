"""What holds for every StoredHash: missing memory, representations, imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.passwords.checks import PASSWORD, TEXT43, TEXT86, identified
from tests.passwords.stored_passwords import ORACLES

NO_MEMORY = """
import resource, sys
from extauth.errors import BackendUnavailable
from extauth.passwords import identify
from extauth.model import Secret
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
try:
    identify(sys.stdin.buffer.read()).verify(Secret(b"any"))
except BackendUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize(
    "stored",
    [
        b"$argon2id$v=19$m=1048576,t=1,p=1$" + b"A" * 22 + b"$" + TEXT43,
        b"$scrypt$ln=20,r=8,p=1$" + b"A" * 22 + b"$" + TEXT43,
        b"$y$jFT$abcd$" + TEXT43,
        b"$7$GU..../....abcd$" + TEXT43,
    ],
    ids=["argon2", "scrypt", "yescrypt", "crypt-scrypt"],
)
def test_missing_memory_is_not_a_wrong_password(stored: bytes) -> None:
    run = subprocess.run([sys.executable, "-c", NO_MEMORY], input=stored, capture_output=True, check=True, timeout=30)
    assert b"no memory" in run.stdout


@pytest.mark.parametrize(
    "stored",
    [
        b"{PLAIN}hunter2",
        b"{PLAIN.HEX}68756e74657232",
        b"{CRAM-MD5}" + b"AAAA" * 16,
        b"{SSHA}hunter2/" + b"A" * 28,
        b"{PBKDF2}$1$hunter2$1000$" + b"a" * 40,
        b"$6$hunter2$" + TEXT86,
        b"$7$CU..../....hunter2$" + TEXT43,
    ],
)
def test_no_representation_shows_the_stored_value(stored: bytes) -> None:
    stored_hash = identified(stored)
    shown = f"{stored_hash} {stored_hash!r} {stored_hash.__rich_repr__()}"
    assert "hunter2" not in shown
    assert "AAAA" not in shown
    assert stored_hash.scheme in shown


def test_import_and_identify_load_no_large_library() -> None:
    program = (
        "import sys; from extauth.passwords import identify; values = sys.stdin.buffer.read().split(b'\\n')\n"
        "for value in values: identify(value)\n"
        "print(sorted({'passlib', 'argon2', 'bcrypt'} & set(sys.modules)))"
    )
    stored = b"\n".join(store(PASSWORD) for _, store in ORACLES)
    run = subprocess.run([sys.executable, "-c", program], input=stored, capture_output=True, check=True, timeout=30)
    assert run.stdout == b"[]\n"

"""New stored passwords."""

from __future__ import annotations

import pytest

from extauth.model import Secret, Verdict
from extauth.passwords.make import MAKEABLE, make_hash
from tests.passwords.checks import PASSWORD, PASSWORDS, verdict


@pytest.mark.parametrize("scheme", MAKEABLE)
def test_a_new_hash_accepts_its_password_without_default_scheme(scheme: str) -> None:
    password = PASSWORDS["utf-8"]
    stored = make_hash(Secret(password), scheme.lower())
    assert verdict(stored, password) is Verdict.OK
    assert verdict(stored, password + b"~") is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize("scheme", ["SSHA", "SSHA512", "ARGON2ID", "YESCRYPT"])
def test_two_hashes_of_one_password_differ(scheme: str) -> None:
    assert make_hash(Secret(PASSWORD), scheme) != make_hash(Secret(PASSWORD), scheme)


@pytest.mark.parametrize(
    ("password", "scheme", "reason"),
    [
        (b"hunter2" * 11, "BLF-CRYPT", "72 bytes"),
        (b"hunter2" * 80, "SHA512-CRYPT", "511 bytes"),
        (b"hunter2" * 80, "YESCRYPT", "511 bytes"),
        (b"hunter2\0", "SSHA", "NUL"),
        (b"hunter2\n", "PLAIN", "LF"),
        (b"hunter2\r", "PLAIN", "CR"),
        (b"", "PLAIN", "empty"),
        (b"hunter2", "DIGEST-MD5", "choose one of ARGON2ID, "),
    ],
)
def test_an_unsuitable_password_or_scheme_is_refused(password: bytes, scheme: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        make_hash(Secret(password), scheme)
    assert "hunter2" not in str(refusal.value)


def test_bcrypt_accepts_a_password_of_exactly_72_bytes() -> None:
    assert verdict(make_hash(Secret(b"a" * 72), "BLF-CRYPT"), b"a" * 72) is Verdict.OK

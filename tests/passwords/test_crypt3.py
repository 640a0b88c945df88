"""crypt(3): limits on passwords, and passlib in place of libcrypt."""

from __future__ import annotations

import threading
from typing import Any

import passlib.hash  # type: ignore[import-untyped]
import pytest

from extauth.model import Secret, Verdict
from extauth.passwords import crypt3, libcrypt
from extauth.passwords.make import make_hash
from tests.passwords.checks import PASSWORD, PASSWORDS, verdict
from tests.passwords.stored_passwords import Store, doveadm, htpasswd, mkpasswd, openssl, slappasswd


@pytest.mark.parametrize(
    "store",
    [mkpasswd("sha512crypt", "-R", "1000"), mkpasswd("yescrypt", "-R", "1"), openssl("-1"), htpasswd("-m")],
    ids=["sha512crypt", "yescrypt", "md5crypt", "apr1"],
)
def test_a_password_over_the_limit_of_crypt_is_a_mismatch(store: Store) -> None:
    assert verdict(store(b"a" * 200), b"a" * 4097) is Verdict.PASSWORD_MISMATCH


WITHOUT_LIBCRYPT = {
    "bcrypt": mkpasswd("bcrypt", "-R", "4"),
    "bcrypt-y": htpasswd("-B", "-C", "4"),
    "sha512": mkpasswd("sha512crypt", "-R", "1000"),
    "sha256": openssl("-5"),
    "md5": openssl("-1"),
    "des": doveadm("DES-CRYPT"),
    "bigcrypt": slappasswd("{CRYPT}"),
}


def remove_libcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypt, "_find_crypt_r", lambda: None)
    monkeypatch.setattr(libcrypt, "_thread", threading.local())


@pytest.mark.parametrize("store", WITHOUT_LIBCRYPT.values(), ids=WITHOUT_LIBCRYPT.keys())
@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS.keys())
def test_passlib_checks_if_libcrypt_is_missing(monkeypatch: pytest.MonkeyPatch, store: Store, password: bytes) -> None:
    stored = store(password)
    remove_libcrypt(monkeypatch)
    assert verdict(stored, password) is Verdict.OK
    assert verdict(stored, b"~" + password) is Verdict.PASSWORD_MISMATCH
    assert verdict(stored, password[:7] + b"\0" + password[7:]) is Verdict.PASSWORD_MISMATCH


def test_yescrypt_is_not_available_if_libcrypt_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = mkpasswd("yescrypt", "-R", "1")(PASSWORD)
    remove_libcrypt(monkeypatch)
    assert verdict(stored, PASSWORD) is Verdict.SCHEME_NOT_AVAILABLE
    with pytest.raises(ValueError, match="libcrypt"):
        make_hash(Secret(PASSWORD), "YESCRYPT")


HANDLERS = [
    (scheme, getattr(passlib.hash, scheme.passlib_name))
    for scheme in dict.fromkeys((crypt3.DES, crypt3.BIGCRYPT, *crypt3.SCHEMES.values()))
    if scheme.passlib_name
]


@pytest.mark.parametrize(("scheme", "handler"), HANDLERS, ids=[scheme.passlib_name for scheme, _ in HANDLERS])
def test_passlib_still_has_the_handlers_we_name(scheme: crypt3.CryptScheme, handler: Any) -> None:
    cheap = handler.using(rounds=handler.min_rounds) if hasattr(handler, "min_rounds") else handler
    stored = cheap.hash(b"more than 8 bytes")
    assert scheme.read(stored.encode()).crypt_scheme is scheme
    assert handler.verify(b"more than 8 bytes", stored) is True
    assert handler.verify(b"other", stored) is False

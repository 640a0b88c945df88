"""Make new stored passwords. The costs suit a mail server: a check takes a tenth to a third of a second."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable

from extauth.mechanisms import CramMd5Context
from extauth.model import Secret
from extauth.passwords import libcrypt
from extauth.passwords.crypt3 import BCRYPT_MAX_PASSWORD

_MAX_PASSWORD = {
    "BLF-CRYPT": BCRYPT_MAX_PASSWORD,
    "SHA512-CRYPT": libcrypt.MAX_PASSWORD,
    "YESCRYPT": libcrypt.MAX_PASSWORD,
}


def make_hash(password: Secret, scheme: str) -> bytes:
    """Return the stored form of `password` under `scheme`, one of `MAKEABLE` in upper or lower case.

    `identify` knows the result without a default scheme. Raises ValueError for any other scheme, for a password that
    the scheme or the protocol cannot hold, and if libcrypt is missing. The message shows no part of the password.
    """
    scheme = scheme.upper()
    if scheme not in _MAKERS:
        raise ValueError(f"unknown scheme: choose one of {', '.join(MAKEABLE)}")
    text = password.reveal()
    if not text:
        raise ValueError("an empty password is not allowed")
    if not {0, 10, 13}.isdisjoint(text):
        raise ValueError("a password holds no NUL, LF or CR")
    limit = _MAX_PASSWORD.get(scheme)
    if limit is not None and len(text) > limit:
        raise ValueError(f"{scheme} takes passwords of up to {limit} bytes: choose another scheme, or a shorter one")
    return _MAKERS[scheme](text)


def _argon2id(password: bytes) -> bytes:
    import argon2

    return argon2.PasswordHasher().hash(password).encode()


def _bcrypt(password: bytes) -> bytes:
    import bcrypt

    return bcrypt.hashpw(password, bcrypt.gensalt(12))


def _yescrypt(password: bytes) -> bytes:
    setting = b"$y$jBT$" + _salt() + b"$"
    stored = libcrypt.crypt(password, setting)
    if stored is None:
        raise ValueError("YESCRYPT needs a libcrypt that knows it")
    return stored


def _sha512_crypt(password: bytes) -> bytes:
    import passlib.hash  # type: ignore[import-untyped]

    return bytes(passlib.hash.sha512_crypt.using(rounds=500_000).hash(password).encode())


def _pbkdf2_sha256(password: bytes) -> bytes:
    import passlib.hash

    return bytes(passlib.hash.pbkdf2_sha256.using(rounds=600_000).hash(password).encode())


def _ssha512(password: bytes) -> bytes:
    salt = os.urandom(16)
    return b"{SSHA512}" + base64.b64encode(hashlib.sha512(password + salt).digest() + salt)


def _ssha(password: bytes) -> bytes:
    salt = os.urandom(16)
    return b"{SSHA}" + base64.b64encode(hashlib.sha1(password + salt).digest() + salt)  # noqa: S324  # {SSHA} is SHA-1


def _cram_md5(password: bytes) -> bytes:
    return b"{CRAM-MD5}" + CramMd5Context.of(Secret(password)).reveal().hex().encode()


def _plain(password: bytes) -> bytes:
    return b"{PLAIN}" + password


def _salt() -> bytes:
    """Return 18 random bytes as text that crypt(3) accepts as a salt."""
    return base64.b64encode(os.urandom(18), b"./")


_MAKERS: dict[str, Callable[[bytes], bytes]] = {
    "ARGON2ID": _argon2id,
    "BLF-CRYPT": _bcrypt,
    "YESCRYPT": _yescrypt,
    "SHA512-CRYPT": _sha512_crypt,
    "PBKDF2-SHA256": _pbkdf2_sha256,
    "SSHA512": _ssha512,
    "SSHA": _ssha,
    "CRAM-MD5": _cram_md5,
    "PLAIN": _plain,
}
MAKEABLE = tuple(_MAKERS)
"""The schemes that `make_hash` knows, strongest first."""

STRONG = ("ARGON2ID", "BLF-CRYPT", "YESCRYPT", "SHA512-CRYPT", "PBKDF2-SHA256")
"""Those that make a guess costly."""

DEFAULT_SCHEME = "ARGON2ID"

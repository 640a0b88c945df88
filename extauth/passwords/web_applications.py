"""Stored passwords of web applications: Django's, and phpass, which WordPress and phpBB use.

Django   `pbkdf2_sha256$rounds$salt$key`, and `name$` before a form of another scheme
phpass   `$P$...` and `$H$...`; libpass checks them
"""

from __future__ import annotations

import hashlib
import re

from extauth.passwords import crypt3, key_derivation
from extauth.passwords.stored import PHPASS_ROUNDS, StoredHash, UnusableHash, at_most, base64

_PBKDF2 = rb"pbkdf2_(sha1|sha256)\$([1-9][0-9]{0,19})\$([^$\x00-\x20\x7f-\xff]{1,128})\$([+/0-9A-Za-z]+={0,2})"
_DJANGO_FORMS = {
    "DJANGO-PBKDF2": rb"pbkdf2_(?:sha1|sha256)\$[0-9]+\$[^$]+\$.*",
    "DJANGO-BCRYPT": rb"bcrypt(?:_sha256)?\$\$2[aby]\$.*",
    "DJANGO-ARGON2": rb"argon2\$argon2(?:id|i|d)\$.*",
}
_PHPASS_FORM = rb"\$[PH]\$([./0-9A-Za-z])[./0-9A-Za-z]{8}[./0-9A-Za-z]{21}[./01]"
_PHPASS_DIGITS = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LEAST_ROUNDS = 7


class BcryptOfDigest(StoredHash, frozen=True, eq=False):
    """The bcrypt of the SHA-256 of the password, in hexadecimal: it has no limit of 72 bytes."""

    bcrypt: crypt3.CryptHash

    def _matches(self, password: bytes) -> bool:
        return self.bcrypt._matches(hashlib.sha256(password).hexdigest().encode())


def django_form_of(value: bytes) -> str | None:
    """Return the name of the form that `value` has; None if it has none of Django's forms."""
    return next((name for name, form in _DJANGO_FORMS.items() if re.fullmatch(form, value, re.DOTALL)), None)


def read_django(value: bytes) -> StoredHash:
    """Read a value in one of Django's forms. Raises UnusableHash if it is malformed or over the cost limit."""
    name, _, rest = value.partition(b"$")
    if name == b"argon2":
        return key_derivation.read_argon2(b"$" + rest)
    if name == b"bcrypt":
        return crypt3.BCRYPT.read(rest)
    if name == b"bcrypt_sha256":
        bcrypt = crypt3.BCRYPT.read(rest)
        return BcryptOfDigest("DJANGO-BCRYPT", bcrypt.cost, False, bcrypt)
    match = re.fullmatch(_PBKDF2, value)
    if match is None:
        raise UnusableHash("malformed")
    return key_derivation.pbkdf2(match[1].decode(), salt=match[3], rounds=int(match[2]), key=base64(match[4]))


class PhpassHash(StoredHash, frozen=True, eq=False):
    """MD5, computed many times. The cost is the binary logarithm of the number of rounds."""

    stored: str

    def _matches(self, password: bytes) -> bool:
        from passlib.hash import phpass  # type: ignore[import-untyped]  # imported here because it is large

        return bool(phpass.verify(password, self.stored))


def read_phpass(value: bytes) -> StoredHash:
    """Read `$P$...` or `$H$...`. Raises UnusableHash if it is malformed or over the cost limit."""
    match = re.fullmatch(_PHPASS_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    rounds = _PHPASS_DIGITS.index(match[1])
    if rounds < _LEAST_ROUNDS:
        raise UnusableHash("malformed: too few rounds")
    return PhpassHash("PHPASS", at_most(PHPASS_ROUNDS, rounds, "(phpass)"), False, value.decode())

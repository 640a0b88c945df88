"""Django's stored passwords: `pbkdf2_sha256$rounds$salt$key`, and `name$` before a form of another scheme."""

from __future__ import annotations

import hashlib
import re

from extauth.passwords import crypt3, key_derivation
from extauth.passwords.stored import StoredHash, UnusableHash, base64

_PBKDF2 = rb"pbkdf2_(sha1|sha256)\$([1-9][0-9]{0,19})\$([^$\x00-\x20\x7f-\xff]{1,128})\$([+/0-9A-Za-z]+={0,2})"
_FORMS = {
    "DJANGO-PBKDF2": rb"pbkdf2_(?:sha1|sha256)\$[0-9]+\$[^$]+\$.*",
    "DJANGO-BCRYPT": rb"bcrypt(?:_sha256)?\$\$2[aby]\$.*",
    "DJANGO-ARGON2": rb"argon2\$argon2(?:id|i|d)\$.*",
}


class BcryptOfDigest(StoredHash, frozen=True, eq=False):
    """The bcrypt of the SHA-256 of the password, in hexadecimal: it has no limit of 72 bytes."""

    bcrypt: crypt3.CryptHash

    def _matches(self, password: bytes) -> bool:
        return self.bcrypt._matches(hashlib.sha256(password).hexdigest().encode())


def form_of(value: bytes) -> str | None:
    """Return the name of the form that `value` has; None if it has none of Django's forms."""
    return next((name for name, form in _FORMS.items() if re.fullmatch(form, value, re.DOTALL)), None)


def read(value: bytes) -> StoredHash:
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

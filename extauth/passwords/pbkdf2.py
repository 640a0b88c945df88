"""PBKDF2 (RFC 8018, section 5.2) in the forms of passlib, of OpenLDAP's pw-pbkdf2 and of Dovecot."""

from __future__ import annotations

import hashlib
import hmac
import re

from extauth.passwords.costs import PBKDF2_ROUNDS, at_most
from extauth.passwords.encodings import dotted_base64, hexadecimal
from extauth.passwords.stored import StoredHash, UnusableHash

_FORM = rb"([1-9][0-9]{0,19})\$([./0-9A-Za-z]{0,1366})\$([./0-9A-Za-z]+)"
_DOVECOT_FORM = rb"\$1\$([^$\x00-\x20\x7f-\xff]{1,64})\$([1-9][0-9]{0,19})\$([0-9A-Fa-f]+)"

_KEY_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}


class Pbkdf2(StoredHash, frozen=True, eq=False):
    """A derived key as long as the algorithm's digest; the cost is the number of rounds."""

    algorithm: str
    salt: bytes
    rounds: int
    key: bytes

    def _matches(self, password: bytes) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(self.algorithm, password, self.salt, self.rounds), self.key)


def read_sha1(value: bytes) -> StoredHash:
    """`{PBKDF2}`: `$1$salt$rounds$hex` is Dovecot's form of it, `rounds$salt$key` OpenLDAP's."""
    match = re.fullmatch(_DOVECOT_FORM, value)
    if match is None:
        return _read("sha1", value)
    return _pbkdf2("sha1", salt=match[1], rounds=int(match[2]), key=hexadecimal(match[3]))


def read_sha256(value: bytes) -> StoredHash:
    """`{PBKDF2-SHA256}`: `rounds$salt$key`."""
    return _read("sha256", value)


def read_sha512(value: bytes) -> StoredHash:
    """`{PBKDF2-SHA512}`: `rounds$salt$key`."""
    return _read("sha512", value)


def read_modular(value: bytes) -> StoredHash:
    """`$pbkdf2$rounds$salt$key`, `$pbkdf2-sha256$...` or `$pbkdf2-sha512$...`."""
    _, ident, rest = value.split(b"$", 2)
    return _read({b"pbkdf2": "sha1", b"pbkdf2-sha256": "sha256", b"pbkdf2-sha512": "sha512"}[ident], rest)


def _read(algorithm: str, value: bytes) -> StoredHash:
    match = re.fullmatch(_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    return _pbkdf2(algorithm, salt=dotted_base64(match[2]), rounds=int(match[1]), key=dotted_base64(match[3]))


def _pbkdf2(algorithm: str, *, salt: bytes, rounds: int, key: bytes) -> StoredHash:
    if len(key) != _KEY_SIZES[algorithm]:
        raise UnusableHash("malformed: the length does not fit")
    at_most(PBKDF2_ROUNDS, rounds, "rounds")
    return Pbkdf2(f"PBKDF2-{algorithm.upper()}", rounds, False, algorithm, salt, rounds, key)

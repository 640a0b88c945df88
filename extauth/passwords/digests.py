"""Digests with and without a salt: {SHA}, {SSHA}, {MD5}, {SMD5} (RFC 2307 and its successors)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING

from extauth.passwords.stored import StoredHash, UnusableHash, base64, hexadecimal

if TYPE_CHECKING:
    Algorithm = Callable[[bytes], "hashlib._Hash"]

Matches = Callable[[bytes, bytes], bool]
"""Compares a digest (followed by its salt, if it has one) with a password.

Raises ValueError if hashlib was built without the algorithm.
"""


class DigestHash(StoredHash, frozen=True, eq=False, gc=False):
    """digest = algorithm(password ++ salt)."""

    matches: Matches
    value: bytes

    def _matches(self, password: bytes) -> bool:
        return self.matches(self.value, password)


class DigestScheme:
    """Reads and compares the digests of one algorithm."""

    def __init__(self, name: str, algorithm: Algorithm, size: int, *, salted: bool = False) -> None:
        self.name = name
        self.matches = _salted(algorithm, size) if salted else _bare(algorithm)
        self._size = size
        self._salted = salted

    def decode(self, text: bytes) -> bytes:
        """Decode base64. Without a salt also decode hexadecimal: the length shows which of the two it is."""
        return hexadecimal(text) if not self._salted and len(text) == 2 * self._size else base64(text)

    def read(self, value: bytes) -> StoredHash:
        """Read a digest. Raises UnusableHash if the length does not fit."""
        return DigestHash(self.name, "", True, self.matches, self._check_length(value))

    def _check_length(self, value: bytes) -> bytes:
        if len(value) <= self._size if self._salted else len(value) != self._size:
            raise UnusableHash("malformed: the length does not fit")
        return value


def _bare(algorithm: Algorithm) -> Matches:
    def matches(value: bytes, password: bytes) -> bool:
        return compare_digest(algorithm(password).digest(), value)

    return matches


def _salted(algorithm: Algorithm, size: int) -> Matches:
    def matches(value: bytes, password: bytes) -> bool:
        return compare_digest(algorithm(password + value[size:]).digest(), value[:size])

    return matches


MD5 = DigestScheme("MD5", hashlib.md5, 16)
SMD5 = DigestScheme("SMD5", hashlib.md5, 16, salted=True)
SHA = DigestScheme("SHA", hashlib.sha1, 20)
SSHA = DigestScheme("SSHA", hashlib.sha1, 20, salted=True)
SHA256 = DigestScheme("SHA256", hashlib.sha256, 32)
SSHA256 = DigestScheme("SSHA256", hashlib.sha256, 32, salted=True)
SHA224 = DigestScheme("SHA224", hashlib.sha224, 28)
SSHA224 = DigestScheme("SSHA224", hashlib.sha224, 28, salted=True)
SHA384 = DigestScheme("SHA384", hashlib.sha384, 48)
SSHA384 = DigestScheme("SSHA384", hashlib.sha384, 48, salted=True)
SHA512 = DigestScheme("SHA512", hashlib.sha512, 64)
SSHA512 = DigestScheme("SSHA512", hashlib.sha512, 64, salted=True)

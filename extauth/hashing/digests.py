"""Digests, salted or not: {SHA}, {SSHA}, {MD5}, {SMD5} (RFC 2307 and its successors)."""

from __future__ import annotations

import hashlib
from binascii import a2b_base64
from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING

from extauth.hashing.encodings import base64, hexadecimal
from extauth.hashing.hash import Hash, Unusable

if TYPE_CHECKING:
    Algorithm = Callable[[bytes], "hashlib._Hash"]


class Digest(Hash, frozen=True, eq=False, gc=False):
    """digest = algorithm(password ++ salt)."""

    algorithm: Algorithm
    digest: bytes
    salt: bytes

    def _matches(self, password: bytes) -> bool:
        return compare_digest(self.algorithm(password + self.salt).digest(), self.digest)


class DigestScheme:
    """How the digests of one algorithm are read."""

    def __init__(self, name: str, algorithm: Algorithm, size: int, *, salted: bool = False) -> None:
        self.name = name
        self._algorithm = algorithm
        self._size = size
        self._salted = salted

    def decode(self, text: bytes) -> bytes:
        """base64; hexadecimal too without a salt, as only then the length tells one from the other."""
        return hexadecimal(text) if not self._salted and len(text) == 2 * self._size else base64(text)

    def read(self, value: bytes) -> Hash:
        """The digest, with its salt behind it; raises Unusable where the length does not fit."""
        if not self._fits(value):
            raise Unusable("malformed: the length does not fit")
        return Digest(self.name, "", True, self._algorithm, value[: self._size], value[self._size :])

    def check(self, text: bytes, password: bytes) -> bool | None:
        """Whether `password`, which holds no NUL, is that of a digest in base64.

        None where `text` is no such digest, or this machine's library does not know the algorithm.
        """
        size = self._size
        try:
            value = a2b_base64(text, strict_mode=True)
            if not self._fits(value):
                return None
            return compare_digest(self._algorithm(password + value[size:]).digest(), value[:size])
        except ValueError:
            return None

    def _fits(self, value: bytes) -> bool:
        """Whether this is a digest, and a salt behind it where there is to be one."""
        return len(value) > self._size if self._salted else len(value) == self._size


MD5 = DigestScheme("MD5", hashlib.md5, 16)
SMD5 = DigestScheme("SMD5", hashlib.md5, 16, salted=True)
SHA = DigestScheme("SHA", hashlib.sha1, 20)
SSHA = DigestScheme("SSHA", hashlib.sha1, 20, salted=True)
SHA256 = DigestScheme("SHA256", hashlib.sha256, 32)
SSHA256 = DigestScheme("SSHA256", hashlib.sha256, 32, salted=True)
SHA512 = DigestScheme("SHA512", hashlib.sha512, 64)
SSHA512 = DigestScheme("SSHA512", hashlib.sha512, 64, salted=True)

"""phpass: the portable hashes of WordPress and phpBB, `$P$...` and `$H$...`. libpass checks them."""

from __future__ import annotations

import re

from extauth.passwords.stored import PHPASS_ROUNDS, StoredHash, UnusableHash, at_most

_FORM = rb"\$[PH]\$([./0-9A-Za-z])[./0-9A-Za-z]{8}[./0-9A-Za-z]{21}[./01]"
_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LEAST = 7


class PhpassHash(StoredHash, frozen=True, eq=False):
    """MD5, computed many times. The cost is the binary logarithm of the number of rounds."""

    stored: str

    def _matches(self, password: bytes) -> bool:
        from passlib.hash import phpass  # type: ignore[import-untyped]  # imported here because it is large

        return bool(phpass.verify(password, self.stored))


def read(value: bytes) -> StoredHash:
    """Read `$P$...` or `$H$...`. Raises UnusableHash if it is malformed or over the cost limit."""
    match = re.fullmatch(_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    rounds = _ALPHABET.index(match[1])
    if rounds < _LEAST:
        raise UnusableHash("malformed: too few rounds")
    return PhpassHash("PHPASS", at_most(PHPASS_ROUNDS, rounds, "(phpass)"), False, value.decode())

"""Stored passwords: what all schemes have in common, the cost limits, and the text encodings."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from extauth.errors import BackendUnavailable
from extauth.mechanisms import Credentials
from extauth.model import Secret, Verdict

_OK, _MISMATCH = Verdict.OK, Verdict.PASSWORD_MISMATCH  # looking them up takes as long as comparing two digests


class UnusableHash(Exception):
    """A stored value that cannot be checked. The message gives the reason and shows no part of the value."""


class StoredHash(msgspec.Struct, frozen=True, eq=False):
    """One stored password. Its representation shows no part of the stored value.

    Entries with the same `scheme` and `cost` take about the same time to check. `quick` means that a check
    takes at most about a third of a millisecond of CPU. Such a check does not need a thread.
    """

    scheme: str
    cost: str | int
    quick: bool

    def verify(self, password: Secret) -> Verdict:
        """Return OK or PASSWORD_MISMATCH; SCHEME_NOT_AVAILABLE if no library on this machine knows the scheme.

        Raises BackendUnavailable if the memory that the scheme needs cannot be allocated.
        """
        given = password.reveal()
        if 0 in given:  # C strings end at NUL, and HMAC pads its key with it: `pw` and `pw\0` would be equal
            return _MISMATCH
        try:
            same = self._matches(given)
        except ValueError:  # hashlib, passlib and bcrypt raise it for a scheme that they were built without
            return Verdict.SCHEME_NOT_AVAILABLE
        except MemoryError:
            raise BackendUnavailable(f"{self.scheme}: no memory to check a password with") from None
        return _OK if same else _MISMATCH

    def credentials(self) -> Credentials | None:
        """Return the password or CRAM-MD5 context that a mechanism can use; None if only a hash is stored."""
        return None

    def _matches(self, password: bytes) -> bool:
        """Return whether `password`, which has no NUL, is the stored one. Compare in constant time."""
        raise TypeError(f"{type(self).__name__} compares nothing")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scheme!r}, cost={self.cost!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("scheme", self.scheme), ("cost", self.cost)]


# --- cost limits --------------------------------------------------------------------------------------
# Without them, anybody who can write a stored password could stop the service with a very costly one.
# The times are for one check at the limit, on one core of 2020s server hardware.

BCRYPT_COST = 15  # 2.5 s
PHPASS_ROUNDS = 21  # binary logarithm; 1.5 s
SHA_CRYPT_ROUNDS = 1_000_000  # 0.5 s; several times that for a password of some hundred bytes
PBKDF2_ROUNDS = 5_000_000  # 2.8 s with SHA-1, 3.0 s with SHA-256, 6.5 s with SHA-512
SCRYPT_MEMORY = 1 << 30  # bytes, as 128 * N * r * p: 4.5 s; yescrypt 1.5 s
SCRYPT_BLOCKS = 4_096  # r * p: if N is small, the work for each block counts
ARGON2_MEMORY = 1 << 20  # KiB, that is 1 GiB
ARGON2_WORK = 4 << 20  # KiB * passes: 5.2 s
ARGON2_LANES = 64  # each lane is a thread
ARGON2_STARTS = 10_000  # lanes * passes: the number of threads that are started one after the other


def at_most(limit: int, cost: int, unit: str) -> int:
    """Return `cost`. Raises UnusableHash if it is over `limit`."""
    if cost > limit:
        raise UnusableHash(f"over the cost limit of {limit} {unit}")
    return cost


def scrypt_cost(log2_n: int, r: int, p: int) -> str:
    """Return the cost of scrypt or a relative of it as text. Raises UnusableHash if it is over the limit."""
    at_most(SCRYPT_BLOCKS, r * p, "blocks")
    at_most(SCRYPT_MEMORY, (128 * r * p) << log2_n, "bytes")
    return f"N=2^{log2_n},r={r},p={p}"


# --- text encodings -----------------------------------------------------------------------------------
# They are strict: text that is not exactly in the encoding raises UnusableHash.


def base64(text: bytes) -> bytes:
    """Decode RFC 4648 base64 with its padding."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise UnusableHash("malformed base64") from None


def unpadded_base64(text: bytes) -> bytes:
    """Decode RFC 4648 base64 without padding, as in `$argon2id$` and `$scrypt$`."""
    return base64(text + b"=" * (-len(text) % 4))


def dotted_base64(text: bytes) -> bytes:
    """Decode unpadded base64 with `.` in place of `+`, as in `$pbkdf2$`."""
    return unpadded_base64(text.replace(b".", b"+"))


def hexadecimal(text: bytes) -> bytes:
    """Decode pairs of hexadecimal digits, in upper or lower case."""
    try:
        return binascii.a2b_hex(text)
    except binascii.Error:
        raise UnusableHash("malformed hexadecimal") from None

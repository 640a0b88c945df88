"""Argon2 (RFC 9106) in the reference implementation's form: `$argon2id$v=19$m=65536,t=3,p=4$salt$tag`."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

from extauth.passwords.costs import ARGON2_LANES, ARGON2_MEMORY, ARGON2_STARTS, ARGON2_WORK, at_most
from extauth.passwords.encodings import unpadded_base64
from extauth.passwords.stored import StoredHash, UnusableHash

_FORM = (
    rb"\$argon2(id|i|d)(?:\$v=(16|19))?\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9})"
    rb"\$([+/0-9A-Za-z]{11,88})\$([+/0-9A-Za-z]{22,88})"  # a salt from 8 and a tag from 16 bytes on, to 66
)
_OLDEST_VERSION = 16  # which wrote no version yet


class Argon2(StoredHash, frozen=True, eq=False):
    """A tag computed over `memory` KiB, `passes` times, in `lanes` threads."""

    variant: str
    version: int
    memory: int
    passes: int
    lanes: int
    salt: bytes
    tag: bytes

    def _matches(self, password: bytes) -> bool:
        from argon2.exceptions import HashingError  # here because it is large
        from argon2.low_level import Type, hash_secret_raw

        try:
            tag = hash_secret_raw(
                password,
                self.salt,
                time_cost=self.passes,
                memory_cost=self.memory,
                parallelism=self.lanes,
                hash_len=len(self.tag),
                type=Type[self.variant],
                version=self.version,
            )
        except HashingError:  # every parameter has been checked: memory or threads are what it can lack
            raise MemoryError from None
        return hmac.compare_digest(tag, self.tag)


def read(value: bytes) -> StoredHash:
    """The stored password; raises UnusableHash where it is malformed or over the cost limit."""
    match = re.fullmatch(_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    variant = match[1].decode().upper()
    memory, passes, lanes = int(match[3]), int(match[4]), int(match[5])
    if memory < 8 * lanes:
        raise UnusableHash("malformed: too little memory for the lanes")
    at_most(ARGON2_MEMORY, memory, "KiB")
    at_most(ARGON2_WORK, memory * passes, "KiB times passes")
    at_most(ARGON2_LANES, lanes, "lanes")
    at_most(ARGON2_STARTS, lanes * passes, "lanes times passes")
    return Argon2(
        f"ARGON2{variant}",
        f"m={memory},t={passes},p={lanes}",
        False,
        variant,
        int(match[2] or _OLDEST_VERSION),
        memory,
        passes,
        lanes,
        unpadded_base64(match[6]),
        unpadded_base64(match[7]),
    )


def reader_of(variant: bytes) -> Callable[[bytes], StoredHash]:
    """Reads this variant of Argon2 and no other one."""

    def read_variant(value: bytes) -> StoredHash:
        if not value.startswith(b"$argon2" + variant + b"$"):
            raise UnusableHash("malformed")
        return read(value)

    return read_variant

"""Digests that mean nothing outside this process: their key is made here, and kept nowhere."""

from __future__ import annotations

import hashlib
import os
from typing import Protocol

Digest = bytes

_SIZE = 16  # bytes: nobody who does not know the key finds two texts that have the same one


class KeyedHash(Protocol):
    """A hash that has taken in its key, to be copied for each text: cheaper than to take in the key each time."""

    def copy(self) -> KeyedHash:
        """Another one, that has taken in the same."""

    def update(self, text: bytes, /) -> None:
        """Take in more."""

    def digest(self) -> Digest:
        """What stands for all that was taken in."""


def new_keyed_hash() -> KeyedHash:
    """A hash with a key of its own (BLAKE2b, RFC 7693, section 2.5)."""
    return hashlib.blake2b(digest_size=_SIZE, key=os.urandom(hashlib.blake2b.MAX_KEY_SIZE))

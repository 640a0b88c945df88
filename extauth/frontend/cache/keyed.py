"""Digests that mean nothing outside this process: their key is made here, and kept nowhere."""

from __future__ import annotations

import hashlib
import os
from typing import Protocol

Digest = bytes

DIGEST_SIZE = 16
"""Bytes: nobody who does not know the key finds two texts that have the same digest."""

_KEY_SIZE = 32  # bytes


class KeyedHash(Protocol):
    """A hash that has taken in its key, to be copied for each text: cheaper than to take in the key each time."""

    def copy(self) -> KeyedHash:
        """Another one, that has taken in the same."""

    def update(self, text: bytes, /) -> None:
        """Take in more."""

    def digest(self) -> Digest:
        """What stands for all that was taken in."""


def new_keyed_hash() -> KeyedHash:
    """A hash with a key of its own (BLAKE2b).

    The key stands before the text, as in RFC 7693, section 2.5, but is not padded to a block there: one that shares
    its block with a short text halves the work. BLAKE2 marks its last block, so that nobody can go on from a digest.
    """
    return hashlib.blake2b(os.urandom(_KEY_SIZE), digest_size=DIGEST_SIZE)

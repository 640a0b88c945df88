"""MD5 (RFC 1321) that goes on from a state that was kept: hashlib shows none, and takes none."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

BLOCK = 64
"""Bytes that are taken at once."""

INITIAL = bytes.fromhex("0123456789abcdeffedcba9876543210")
"""The state before the first block (section 3.3)."""

_STATE = struct.Struct("<4I")
_WORDS = struct.Struct("<16I")
_MASK = 2**32 - 1

_Mix = Callable[[int, int, int], int]

# Of each of the four rounds: how words are mixed, how far they are turned, in which order those of the block come.
_ROUNDS: tuple[tuple[_Mix, tuple[int, ...], range], ...] = (
    (lambda b, c, d: b & c | ~b & d, (7, 12, 17, 22), range(0, 16, 1)),
    (lambda b, c, d: b & d | c & ~d, (5, 9, 14, 20), range(1, 81, 5)),
    (lambda b, c, d: b ^ c ^ d, (4, 11, 16, 23), range(5, 53, 3)),
    (lambda b, c, d: c ^ (b | ~d), (6, 10, 15, 21), range(0, 112, 7)),
)
_STEPS = [
    (mix, turns[step % 4], places[step] % 16, int(abs(math.sin(16 * number + step + 1)) * 2**32))
    for number, (mix, turns, places) in enumerate(_ROUNDS)
    for step in range(16)
]


def compress(state: bytes, block: bytes) -> bytes:
    """The state that a block of 64 bytes turns `state` into (section 3.4)."""
    words = _WORDS.unpack(block)
    a, b, c, d = before = _STATE.unpack(state)
    for mix, turn, place, constant in _STEPS:
        turned = a + mix(b, c, d) + words[place] + constant & _MASK
        a, d, c, b = d, c, b, b + (turned << turn | turned >> 32 - turn) & _MASK
    return _STATE.pack(*(old + new & _MASK for old, new in zip(before, (a, b, c, d), strict=True)))


def digest(state: bytes, before: int, text: bytes) -> bytes:
    """The digest of `text` behind `before` bytes, whole blocks of them, that led to `state` (sections 3.1 and 3.2)."""
    length = struct.pack("<Q", 8 * (before + len(text)))
    padded = text + b"\x80" + bytes(-(len(text) + 9) % BLOCK) + length
    for place in range(0, len(padded), BLOCK):
        state = compress(state, padded[place : place + BLOCK])
    return state

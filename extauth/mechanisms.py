"""Mechanisms: check the response of a client to a challenge. CommuniGate Pro calls them secure methods.

A response is checked with credentials: the password, or a CRAM-MD5 context. This context is HMAC-MD5 with the password
as its key (RFC 2104, section 4), stored in part. Each of HMAC's two digests begins with one block that depends only on
the key. The context holds the two MD5 states after these blocks, the outer digest's first, as in Dovecot's {CRAM-MD5}.
It serves CRAM-MD5 and nothing else.

hashlib can neither show nor load an MD5 state. So this file has its own MD5 (RFC 1321).
"""

from __future__ import annotations

import hashlib
import hmac
import math
import struct
from collections.abc import Callable

from extauth.model import Redacted, Secret, Verdict, VerdictResult

_BLOCK = 64  # bytes that MD5 takes at once
_STATE_SIZE = 16  # bytes
_INITIAL_STATE = bytes.fromhex("0123456789abcdeffedcba9876543210")  # RFC 1321, section 3.3
_OUTER, _INNER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x5C, 0x36))


class CramMd5Context(Redacted, frozen=True, eq=False):
    """The 32 bytes of a context. For CRAM-MD5 they are as good as the password.

    Raises ValueError if there are more or fewer bytes.
    """

    def __post_init__(self) -> None:
        if not isinstance(self._bytes, bytes) or len(self._bytes) != 2 * _STATE_SIZE:
            raise ValueError("a CRAM-MD5 context is 32 bytes")

    @classmethod
    def of(cls, password: Secret) -> CramMd5Context:
        """Return the context of this password."""
        key = password.reveal()
        if len(key) > _BLOCK:
            key = hashlib.md5(key, usedforsecurity=False).digest()
        block = key.ljust(_BLOCK, b"\0")
        return cls(b"".join(_md5_state(_INITIAL_STATE, block.translate(pad)) for pad in (_OUTER, _INNER)))

    def hmac(self, text: bytes) -> bytes:
        """Return the HMAC-MD5 of `text` with the password as key."""
        inner = _md5_digest(self._bytes[_STATE_SIZE:], _BLOCK, text)
        return _md5_digest(self._bytes[:_STATE_SIZE], _BLOCK, inner)

    def matches(self, other: CramMd5Context) -> bool:
        """Return whether both are of one password. Compare in constant time."""
        return hmac.compare_digest(self._bytes, other._bytes)


# --- MD5 ----------------------------------------------------------------------------------------------

_STATE = struct.Struct("<4I")
_WORDS = struct.Struct("<16I")
_MASK = 2**32 - 1

_Mix = Callable[[int, int, int], int]

# For each of the four rounds: how to mix words, how far to rotate them, the order of the words of the block.
_ROUNDS: tuple[tuple[_Mix, tuple[int, ...], range], ...] = (
    (lambda b, c, d: b & c | ~b & d, (7, 12, 17, 22), range(0, 16, 1)),
    (lambda b, c, d: b & d | c & ~d, (5, 9, 14, 20), range(1, 81, 5)),
    (lambda b, c, d: b ^ c ^ d, (4, 11, 16, 23), range(5, 53, 3)),
    (lambda b, c, d: c ^ (b | ~d), (6, 10, 15, 21), range(0, 112, 7)),
)
_STEPS = [
    (mix, rotations[step % 4], places[step] % 16, int(abs(math.sin(16 * number + step + 1)) * 2**32))
    for number, (mix, rotations, places) in enumerate(_ROUNDS)
    for step in range(16)
]


def _md5_state(state: bytes, block: bytes) -> bytes:
    """Return the state after one more block of 64 bytes (RFC 1321, section 3.4)."""
    words = _WORDS.unpack(block)
    a, b, c, d = before = _STATE.unpack(state)
    for mix, rotation, place, constant in _STEPS:
        mixed = a + mix(b, c, d) + words[place] + constant & _MASK
        a, d, c, b = d, c, b, b + (mixed << rotation | mixed >> 32 - rotation) & _MASK
    return _STATE.pack(*(old + new & _MASK for old, new in zip(before, (a, b, c, d), strict=True)))


def _md5_digest(state: bytes, before: int, text: bytes) -> bytes:
    """Return the digest after `text` (RFC 1321, sections 3.1 and 3.2).

    `before` bytes, whole blocks of them, have led to `state`.
    """
    length = struct.pack("<Q", 8 * (before + len(text)))
    padded = text + b"\x80" + bytes(-(len(text) + 9) % _BLOCK) + length
    for place in range(0, len(padded), _BLOCK):
        state = _md5_state(state, padded[place : place + _BLOCK])
    return state


Credentials = Secret | CramMd5Context

EMPTY_PASSWORD_CONTEXT = CramMd5Context.of(Secret(b""))
"""The context of an empty password. No login with it is accepted."""


def verify_cram_md5(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict:
    """Check that `response` is the hex HMAC-MD5 of `challenge` with the password as key, in upper or lower case."""
    if isinstance(credentials, CramMd5Context):
        expected = credentials.hmac(challenge.reveal())
    else:
        expected = hmac.digest(credentials.reveal(), challenge.reveal(), "md5")
    matches = hmac.compare_digest(expected.hex().encode(), response.reveal().lower())
    return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH


def verify_apop(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict | VerdictResult:
    """Check that `response` is the hex MD5 of `challenge` and the password, in upper or lower case."""
    if isinstance(credentials, CramMd5Context):
        return Verdict.SCHEME_NOT_AVAILABLE.because("a CRAM-MD5 context serves only CRAM-MD5")
    digest = hashlib.md5(challenge.reveal() + credentials.reveal(), usedforsecurity=False)
    matches = hmac.compare_digest(digest.hexdigest().encode(), response.reveal().lower())
    return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH


MECHANISMS: dict[str, Callable[[Credentials, Secret, Secret], Verdict | VerdictResult]] = {
    "CRAM-MD5": verify_cram_md5,
    "APOP": verify_apop,
}
"""The name in `SASL(name)` to `verify(credentials, response, challenge)`."""

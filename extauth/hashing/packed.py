"""Stored passwords as tables keep them: a digest is there in the bytes it has, without its text.

That takes less room, and nothing is made before it can be compared: making a Hash takes as long as a digest.
"""

from __future__ import annotations

from typing import NewType

from extauth.hashing import digests
from extauth.hashing.encodings import base64
from extauth.hashing.hash import Hash, Unusable
from extauth.hashing.identify import identify
from extauth.model import Decided, Secret, Verdict

_OK, _MISMATCH = Verdict.OK, Verdict.PASSWORD_MISMATCH
_SCHEMES = (
    digests.MD5,
    digests.SMD5,
    digests.SHA,
    digests.SSHA,
    digests.SHA256,
    digests.SSHA256,
    digests.SHA512,
    digests.SSHA512,
)
_DIGESTS = {b"{%b" % scheme.name.encode(): (bytes((number,)), scheme) for number, scheme in enumerate(_SCHEMES)}
_TEXT = len(_SCHEMES)
_MATCHES = (*(scheme.matches for scheme in _SCHEMES), None)

Packed = NewType("Packed", bytes)
"""A byte that says what follows: a digest of which scheme, with its salt, or a stored password as it was written."""


def pack(stored: bytes) -> Packed:
    """A stored password, packed."""
    return pack_digest(stored) or Packed(bytes((_TEXT,)) + stored)


def pack_digest(stored: bytes) -> Packed | None:
    """The same if it is a digest as it is usually written; otherwise None."""
    beginning, _, text = stored.partition(b"}")
    digest = _DIGESTS.get(beginning)
    if digest is None:
        return None
    number, scheme = digest
    try:
        return Packed(number + scheme.fitting(base64(text)))
    except Unusable:
        return None


def unpack(packed: Packed, default_scheme: str = "") -> Hash | Decided:
    """What `identify` says of the stored password."""
    number = packed[0]
    return identify(packed[1:], default_scheme) if number == _TEXT else _SCHEMES[number].read(packed[1:])


def verify_packed_if_quick(packed: Packed, password: Secret, default_scheme: str = "") -> Verdict | Decided | None:
    """Whether `password` is the stored one, or why that can serve nobody; None where it takes long to tell.

    That is more than about a third of a millisecond of CPU.
    """
    matches = _MATCHES[packed[0]]
    if matches is None:
        found = unpack(packed, default_scheme)
        if isinstance(found, Hash):
            return found.verify(password) if found.quick else None
        return found
    given = password.reveal()
    if 0 in given:
        return _MISMATCH
    try:
        return _OK if matches(packed[1:], given) else _MISMATCH
    except ValueError:
        return Verdict.SCHEME_NOT_AVAILABLE

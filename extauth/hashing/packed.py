"""Stored passwords as tables keep them: those that are soon checked are ready for that, and in little room.

A digest is there in the bytes it has, without its text. Nothing is made before it can be compared: making a Hash takes
as long as a digest, and a twentieth of what md5-crypt takes, where each check finds the processor's caches cold.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Sequence
from hmac import compare_digest
from typing import NewType, cast

from extauth.hashing import clear, crypt3, digests
from extauth.hashing.hash import Hash
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
_DIGESTS = {scheme.name: bytes((number,)) for number, scheme in enumerate(_SCHEMES)}
_MD5_CRYPT, _CLEAR, _SLOW, _OTHER = (bytes((len(_SCHEMES) + number,)) for number in range(4))
_READ = (*(scheme.read for scheme in _SCHEMES), crypt3.MD5.read, clear.read)
_MATCHES = (*(scheme.matches for scheme in _SCHEMES), crypt3.MD5.matches, compare_digest)
_READY = len(_MATCHES)  # below this number, what follows is ready to be compared with

Packed = NewType("Packed", bytes)
"""A byte that says what follows: a digest of which scheme, with its salt; what md5-crypt has made; a password in the
clear; or a stored password as it was written, and whether that takes long to check."""


def pack(stored: bytes, found: Hash) -> Packed:
    """A stored password, packed; `found` is what `identify` says of it."""
    if isinstance(found, digests.Digest):
        return Packed(_DIGESTS[found.scheme] + found.value)
    if isinstance(found, crypt3.Crypt) and found.form is crypt3.MD5:
        return Packed(_MD5_CRYPT + found.stored)
    if isinstance(found, clear.ClearText):
        return Packed(_CLEAR + found.secret.reveal())
    return Packed((_OTHER if found.quick else _SLOW) + stored)


def pack_alike(stored: Sequence[bytes], found: Hash) -> list[Packed]:
    """The same of many that `recognize` says are alike; `found` is what `identify` says of one of them."""
    packed: list[bytes]
    start = stored[0].index(b"}") + 1 if stored[0].startswith(b"{") else 0
    if isinstance(found, digests.Digest):
        number = _DIGESTS[found.scheme]
        packed = [number + a2b_base64(text[start:]) for text in stored]
    elif isinstance(found, crypt3.Crypt) and found.form is crypt3.MD5:
        packed = [_MD5_CRYPT + text[start:] for text in stored]
    elif isinstance(found, clear.ClearText):
        packed = [_CLEAR + text[start:] for text in stored]
    else:
        mark = _OTHER if found.quick else _SLOW
        packed = [mark + text for text in stored]
    return cast(list[Packed], packed)


def unpack(packed: Packed, default_scheme: str = "") -> Hash | Decided:
    """What `identify` says of the stored password."""
    number = packed[0]
    return _READ[number](packed[1:]) if number < _READY else identify(packed[1:], default_scheme)


def verify_packed_if_quick(packed: Packed, password: Secret, default_scheme: str = "") -> Verdict | Decided | None:
    """Whether `password` is the stored one, or why that can serve nobody; None where it takes long to tell.

    That is more than about a third of a millisecond of CPU.
    """
    number = packed[0]
    if number >= _READY:
        return None if packed[:1] == _SLOW else _verify(unpack(packed, default_scheme), password)
    given = password.reveal()
    if 0 in given:
        return _MISMATCH
    try:
        return _OK if _MATCHES[number](packed[1:], given) else _MISMATCH
    except ValueError:
        return Verdict.SCHEME_NOT_AVAILABLE


def _verify(found: Hash | Decided, password: Secret) -> Verdict | Decided:
    return found.verify(password) if isinstance(found, Hash) else found

"""Stored passwords as tables keep them: those that are soon checked are ready for that, and in little room.

A digest is there in the bytes it has, without its text. Nothing is made before it can be compared: making a StoredHash takes
as long as a digest, and a twentieth of what md5-crypt takes, where each check finds the processor's caches cold.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Sequence
from hmac import compare_digest
from typing import NewType, cast

from extauth.errors import BackendUnavailable
from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import clear, crypt3, digests
from extauth.passwords.identify import identify
from extauth.passwords.stored import StoredHash

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
_MD5_CRYPT, _CLEAR, _QUICK, _CRYPT, _SLOW = (bytes((len(_SCHEMES) + number,)) for number in range(5))
_READ = (*(scheme.read for scheme in _SCHEMES), crypt3.MD5.read, clear.read, None, crypt3.read, None)
_MATCHES = (*(scheme.matches for scheme in _SCHEMES), crypt3.MD5.matches, compare_digest, None, crypt3.matches, None)
_AS_WRITTEN = (_QUICK, _SLOW)

SLOW = _CRYPT[0]
"""From this number on what is packed takes more than about a third of a millisecond of CPU to check."""

_ALONE = {crypt3.MD5: _MD5_CRYPT} | dict.fromkeys((crypt3.APR1, crypt3.SHA256, crypt3.SHA512, crypt3.BCRYPT), _CRYPT)
"""Forms of which a check needs nothing but what crypt(3) has made; others may find that there is no memory for it."""

Packed = NewType("Packed", bytes)
"""A byte that says what follows: a digest of which scheme, with its salt; a password in the clear; what crypt(3) has
made; or a stored password as it was written. Those that take long to check have the highest numbers."""


def pack(stored: bytes, found: StoredHash) -> Packed:
    """A stored password, packed; `found` is what `identify` says of it."""
    value = stored
    if isinstance(found, digests.Digest):
        value = found.value
    elif isinstance(found, clear.ClearText):
        value = found.secret.reveal()
    elif isinstance(found, crypt3.Crypt) and found.form in _ALONE:
        value = found.stored
    return Packed(_number(found) + value)


def pack_alike(stored: Sequence[bytes], found: StoredHash) -> list[Packed]:
    """The same of many that `recognize` says are alike; `found` is what `identify` says of one of them."""
    number = _number(found)
    start = 0
    if stored[0].startswith(b"{") and number not in _AS_WRITTEN:
        start = stored[0].index(b"}") + 1
    if isinstance(found, digests.Digest):
        packed = [number + a2b_base64(text[start:]) for text in stored]
    else:
        packed = [number + text[start:] for text in stored]
    return cast(list[Packed], packed)


def _number(found: StoredHash) -> bytes:
    """What a packed password begins with, where `identify` says this of the stored one."""
    if isinstance(found, digests.Digest):
        return _DIGESTS[found.scheme]
    if isinstance(found, clear.ClearText):
        return _CLEAR
    if isinstance(found, crypt3.Crypt) and found.form in _ALONE:
        return _ALONE[found.form]
    return _QUICK if found.quick else _SLOW


def unpack(packed: Packed, default_scheme: str = "") -> StoredHash | VerdictResult:
    """What `identify` says of the stored password."""
    read = _READ[packed[0]]
    return identify(packed[1:], default_scheme) if read is None else read(packed[1:])


def verify_packed(packed: Packed, password: Secret, default_scheme: str = "") -> Verdict | VerdictResult:
    """Whether `password` is the stored one, or why that can serve nobody.

    Raises BackendUnavailable where the memory that the scheme asks for cannot be had.
    """
    matches = _MATCHES[packed[0]]
    if matches is None:
        found = unpack(packed, default_scheme)
        return found.verify(password) if isinstance(found, StoredHash) else found
    given = password.reveal()
    if 0 in given:
        return _MISMATCH
    try:
        return _OK if matches(packed[1:], given) else _MISMATCH
    except ValueError:
        return Verdict.SCHEME_NOT_AVAILABLE
    except MemoryError:
        raise BackendUnavailable("no memory to check a password with") from None

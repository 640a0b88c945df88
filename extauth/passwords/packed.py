"""Pack stored passwords for tables: small, and ready for a fast check.

A digest is packed as its bytes, without its text. A check of it makes no StoredHash. Making one takes as long as
computing a digest, and a twentieth as long as md5-crypt (measured with cold processor caches).
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
    digests.SHA224,
    digests.SSHA224,
    digests.SHA384,
    digests.SSHA384,
    digests.SHA512,
    digests.SSHA512,
)
_DIGESTS = {scheme.name: bytes((number,)) for number, scheme in enumerate(_SCHEMES)}
_MD5_CRYPT, _CLEAR_TEXT, _QUICK, _CRYPT, _SLOW = (bytes((len(_SCHEMES) + number,)) for number in range(5))
_READ = (*(scheme.read for scheme in _SCHEMES), crypt3.MD5.read, clear.read_clear_text, None, crypt3.read, None)
_MATCHES = (*(scheme.matches for scheme in _SCHEMES), crypt3.MD5.matches, compare_digest, None, crypt3.matches, None)
_AS_WRITTEN = (_QUICK, _SLOW)

SLOW = _CRYPT[0]
"""Packed passwords whose first byte is at least this take more than about a third of a millisecond of CPU to check."""

_NO_EXTRA_MEMORY = {
    crypt3.MD5: _MD5_CRYPT,
    crypt3.APR1: _CRYPT,
    crypt3.SHA256: _CRYPT,
    crypt3.SHA512: _CRYPT,
    crypt3.BCRYPT: _CRYPT,
}
"""crypt(3) schemes whose check cannot fail for lack of memory, to their first byte."""

Packed = NewType("Packed", bytes)
"""A first byte that gives the kind, and the value: a digest with its salt, a clear-text password, a result of crypt(3),
or a stored password as it was written. Kinds that take long to check have the highest numbers."""


def pack(stored: bytes, found: StoredHash) -> Packed:
    """Pack a stored password. `found` is the result of `identify`."""
    value = stored
    if isinstance(found, digests.DigestHash):
        value = found.value
    elif isinstance(found, clear.ClearTextHash):
        value = found.secret.reveal()
    elif isinstance(found, crypt3.CryptHash) and found.crypt_scheme in _NO_EXTRA_MEMORY:
        value = found.stored
    return Packed(_number(found) + value)


def pack_group(stored: Sequence[bytes], found: StoredHash) -> list[Packed]:
    """Pack stored passwords that have one key in `group_keys`. `found` is the result of `identify` for one of them."""
    number = _number(found)
    start = 0
    if stored[0].startswith(b"{") and number not in _AS_WRITTEN:
        start = stored[0].index(b"}") + 1
    if isinstance(found, digests.DigestHash):
        packed = [number + a2b_base64(text[start:]) for text in stored]
    else:
        packed = [number + text[start:] for text in stored]
    return cast(list[Packed], packed)


def _number(found: StoredHash) -> bytes:
    """Return the first byte of the packed password for this result of `identify`."""
    if isinstance(found, digests.DigestHash):
        return _DIGESTS[found.scheme]
    if isinstance(found, clear.ClearTextHash):
        return _CLEAR_TEXT
    if isinstance(found, crypt3.CryptHash) and found.crypt_scheme in _NO_EXTRA_MEMORY:
        return _NO_EXTRA_MEMORY[found.crypt_scheme]
    return _QUICK if found.quick else _SLOW


def unpack(packed: Packed, default_scheme: str = "") -> StoredHash | VerdictResult:
    """Return what `identify` returns for the stored password."""
    read = _READ[packed[0]]
    return identify(packed[1:], default_scheme) if read is None else read(packed[1:])


def verify_packed(packed: Packed, password: Secret, default_scheme: str = "") -> Verdict | VerdictResult:
    """Check `password` against a packed one, as `verify_hash` does against a stored one.

    Raises BackendUnavailable if the memory that the scheme needs cannot be allocated.
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

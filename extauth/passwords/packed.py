"""Pack stored passwords for tables: small, and ready for a fast check. Many are grouped by scheme and cost first.

A digest is packed as its bytes, without its text. A check of it makes no StoredHash. Making one takes as long as
computing a digest, and a twentieth as long as md5-crypt (measured with cold processor caches).

The groups come from the form alone. It is a fast path for large tables: to `identify` each stored password takes longer
than everything else done with its line.
"""

from __future__ import annotations

import functools
import re
from binascii import a2b_base64
from collections.abc import Sequence
from hmac import compare_digest
from typing import NewType, cast

from extauth.errors import BackendUnavailable
from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import clear, crypt3, digests
from extauth.passwords.identify import identify
from extauth.passwords.schemes import scheme_named
from extauth.passwords.stored import StoredHash

_BASE64 = rb"[A-Za-z0-9+/]"
_SALTED_384 = rb"(?:" + _BASE64 + rb"{2}==|" + _BASE64 + rb"{3}=|" + _BASE64 + rb"{4})"  # 48 bytes end at 4 letters
_SALTED = rb"(?:" + _BASE64 + rb"{2}==|" + _BASE64 + rb"{3}=)?"

# The first characters (after a prefix) to the pattern of the whole. Its one group is what the cost depends on.
_PATTERNS = {
    b"{SHA}": rb"\{SHA\}" + _BASE64 + rb"{27}=()",
    b"{SSHA}": rb"\{SSHA\}(?:" + _BASE64 + rb"{4}){7,}" + _SALTED + rb"()",
    b"{SHA256}": rb"\{SHA256\}" + _BASE64 + rb"{43}=()",
    b"{SSHA256}": rb"\{SSHA256\}(?:" + _BASE64 + rb"{4}){11,}" + _SALTED + rb"()",
    b"{SHA384}": rb"\{SHA384\}" + _BASE64 + rb"{64}()",
    b"{SSHA384}": rb"\{SSHA384\}(?:" + _BASE64 + rb"{4}){16,}" + _SALTED_384 + rb"()",
    b"{SHA512}": rb"\{SHA512\}" + _BASE64 + rb"{86}==()",
    b"{SSHA512}": rb"\{SSHA512\}(?:" + _BASE64 + rb"{4}){22,}" + _SALTED + rb"()",
    b"$1$": crypt3.MD5.pattern + rb"()",
    b"$apr1$": crypt3.APR1.pattern + rb"()",
    b"$5$": crypt3.SHA256.pattern,
    b"$6$": crypt3.SHA512.pattern,
    b"$2a$": crypt3.BCRYPT.pattern,
    b"$2b$": crypt3.BCRYPT.pattern,
    b"$2y$": crypt3.BCRYPT.pattern,
    b"$y$": crypt3.YESCRYPT.pattern,
}


def group_keys(stored: Sequence[bytes]) -> Sequence[bytes | None]:
    """Return a key of scheme and cost for each stored password; None for those in a rare form.

    All with the same key are alike for `identify`: they have one scheme and one cost, or all are unusable.
    """
    if not stored:
        return []
    keys = _keys_like_first(stored)
    return keys if len(keys) == len(stored) else [next(iter(_keys_like_first([each])), None) for each in stored]


def _keys_like_first(stored: Sequence[bytes]) -> list[bytes]:
    """Return the keys of those in the same form as the first one."""
    prefix, form = _prefix_and_form(stored[0])
    if form not in _PATTERNS or (prefix and scheme_named(prefix[1:-1]) is None):
        return []
    return [prefix + form + cost for cost in _pattern(prefix, form).findall(b"\n".join(stored))]


def _prefix_and_form(stored: bytes) -> tuple[bytes, bytes]:
    """Return the `{PREFIX}` before a `$name$` and that `$name$`; for anything else b"" and its prefix."""
    braces = stored[: stored.find(b"}") + 1] if stored.startswith(b"{") else b""
    start = len(braces)
    if stored.startswith(b"$", start):
        return braces, stored[start : stored.find(b"$", start + 1) + 1]
    return b"", braces


@functools.lru_cache(maxsize=64)
def _pattern(prefix: bytes, form: bytes) -> re.Pattern[bytes]:
    """Compile the pattern of one form when it is first needed, not at each start."""
    return re.compile(rb"(?m)^" + re.escape(prefix) + _PATTERNS[form] + rb"$")


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

"""Group many stored passwords by scheme and cost, by their form alone.

It is a fast path for large tables: to `identify` each one takes longer than everything else done with its line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from extauth.passwords import crypt3
from extauth.passwords.schemes import scheme_named

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

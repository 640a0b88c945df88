"""Which stored passwords are of one scheme and cost, told from their form alone: for tables of many of them.

Reading each takes longer than all else that a table does with a line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from extauth.passwords import crypt3
from extauth.passwords.schemes import scheme_named

_BASE64 = rb"[A-Za-z0-9+/]"
_SALTED = rb"(?:" + _BASE64 + rb"{2}==|" + _BASE64 + rb"{3}=)?"

# What they look like behind a prefix, by what they begin with; the one group is what else their cost depends on.
_USUAL = {
    b"{SHA}": rb"\{SHA\}" + _BASE64 + rb"{27}=()",
    b"{SSHA}": rb"\{SSHA\}(?:" + _BASE64 + rb"{4}){7,}" + _SALTED + rb"()",
    b"{SHA256}": rb"\{SHA256\}" + _BASE64 + rb"{43}=()",
    b"{SSHA256}": rb"\{SSHA256\}(?:" + _BASE64 + rb"{4}){11,}" + _SALTED + rb"()",
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


def recognize(stored: Sequence[bytes]) -> Sequence[bytes | None]:
    """What tells the scheme and the cost of stored passwords, for each that is of a usual form; None for others.

    Of all of which it is the same `identify` says the same: they have one scheme and one cost, or none can serve.
    """
    if not stored:
        return []
    forms = _forms(stored)
    return forms if len(forms) == len(stored) else [next(iter(_forms([each])), None) for each in stored]


def _forms(stored: Sequence[bytes]) -> list[bytes]:
    """The same for those that have the form that the first one has."""
    prefix, form = _beginning(stored[0])
    if form not in _USUAL or (prefix and scheme_named(prefix[1:-1]) is None):
        return []
    return [prefix + form + cost for cost in _pattern(prefix, form).findall(b"\n".join(stored))]


def _beginning(stored: bytes) -> tuple[bytes, bytes]:
    """The prefix that stands before a `$name$`, if one does; that name, or the prefix of what else it is."""
    braces = stored[: stored.find(b"}") + 1] if stored.startswith(b"{") else b""
    start = len(braces)
    if stored.startswith(b"$", start):
        return braces, stored[start : stored.find(b"$", start + 1) + 1]
    return b"", braces


@functools.lru_cache(maxsize=64)
def _pattern(prefix: bytes, form: bytes) -> re.Pattern[bytes]:
    """What lines of one form match; compiled when one is there, and not at each start."""
    return re.compile(rb"(?m)^" + re.escape(prefix) + _USUAL[form] + rb"$")

"""Which stored passwords are of one scheme and cost, told from their form alone: for tables of many of them.

Reading each takes longer than all else that a table does with a line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from extauth.hashing import crypt3

_BASE64 = rb"[A-Za-z0-9+/]"
_SALTED = rb"(?:" + _BASE64 + rb"{2}==|" + _BASE64 + rb"{3}=)?"
_COST = rb"(?:rounds=[0-9]+\$|[0-9]{2}\$|j[./0-9A-Za-j]{2}\$)?"
_USUAL = (
    rb"(?=(\{[A-Z0-9]+\}|\$[a-z0-9]+\$" + _COST + rb"))(?:"
    rb"\{SHA\}" + _BASE64 + rb"{27}=|"
    rb"\{SSHA\}(?:" + _BASE64 + rb"{4}){7,}" + _SALTED + rb"|"
    rb"\{SHA256\}" + _BASE64 + rb"{43}=|"
    rb"\{SSHA256\}(?:" + _BASE64 + rb"{4}){11,}" + _SALTED + rb"|"
    rb"\{SHA512\}" + _BASE64 + rb"{86}==|"
    rb"\{SSHA512\}(?:"
    + _BASE64
    + rb"{4}){22,}"
    + _SALTED
    + rb"|"
    # those whose cost, if they have one, is in what they begin with
    + b"|".join(
        form.pattern for form in (crypt3.MD5, crypt3.APR1, crypt3.SHA256, crypt3.SHA512, crypt3.BCRYPT, crypt3.YESCRYPT)
    )
    + rb")"
)


def recognize(stored: bytes) -> bytes | None:
    """What a stored password begins with, if it is of a usual form.

    Of all that begin alike `identify` says alike: they have one scheme and one cost, or none can serve.
    """
    usual = _matcher()(stored)
    return None if usual is None else usual[1]


@functools.cache
def _matcher() -> Callable[[bytes], re.Match[bytes] | None]:
    """Compiled when a file is read, and not at each start."""
    return re.compile(_USUAL).fullmatch

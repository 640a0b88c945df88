"""Writes the values of replies (RFC 3501, section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from extauth.harness.mail.imap.parser import MONTHS

_QUOTABLE = re.compile(rb"[\x20-\x7e]{0,1000}")
_SPECIAL = re.compile(rb'(["\\])')
_ATOM = re.compile(r'[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]+')

NIL = b"NIL"


def literal(value: bytes) -> bytes:
    """Return a literal."""
    return b"{%d}\r\n%b" % (len(value), value)


def string(value: bytes) -> bytes:
    """Return a quoted string if possible, otherwise a literal."""
    return b'"' + _SPECIAL.sub(rb"\\\1", value) + b'"' if _QUOTABLE.fullmatch(value) else literal(value)


def nstring(value: bytes | None) -> bytes:
    """Return a string, or NIL."""
    return NIL if value is None else string(value)


def mailbox(name: str) -> bytes:
    """Return the name of a mailbox."""
    return name.encode() if _ATOM.fullmatch(name) and name.upper() != "NIL" else string(name.encode())


def parentheses(values: Iterable[bytes]) -> bytes:
    """Return a list."""
    return b"(" + b" ".join(values) + b")"


def flags(names: Iterable[str]) -> bytes:
    """Return a list of flags."""
    return parentheses(name.encode() for name in sorted(names))


def date_time(at: datetime) -> bytes:
    """Return a date with a time."""
    text = f'"{at.day:02}-{MONTHS[at.month - 1]}-{at.year:04} {at:%H:%M:%S %z}"'
    return text.encode()

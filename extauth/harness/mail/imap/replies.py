"""The parts of replies: values (RFC 3501, section 4), and why a command fails (section 7.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

_QUOTABLE = re.compile(rb"[\x20-\x7e]{0,1000}")
_SPECIAL = re.compile(rb'(["\\])')
_ATOM = re.compile(r'[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]+')

NIL = b"NIL"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Bad(Exception):
    """The command breaks the rules of the protocol: the reply is BAD. The client gets the text, so it must not hold
    anything that a client sent.
    """


class No(Exception):
    """The command cannot be carried out: the reply is NO, with a response code in brackets if there is one.

    text: for the client, as in `Bad`
    code: such as `TRYCREATE` (RFC 3501, section 7.1; RFC 5530)
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(f"[{code}] {text}" if code else text)


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

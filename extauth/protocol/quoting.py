r"""Quoted strings of the helper dialect and of the data format: docs/protocol.md, section 3.

Inside the quotes `\"` stands for `"` and `\\` for one backslash. `\r` `\n` `\t` are CR, LF and TAB, and `\e` is LF.
`\ddd` is the byte with that decimal number.
"""

from __future__ import annotations

import re

from extauth.errors import MalformedRequest

NEVER_IN_A_LINE = re.compile(rb"[\0\r\n]")
"""Bytes that are allowed only in quotes. Passwords from the mail server never hold them (section 2)."""

_UNQUOTED = re.compile(rb"[A-Za-z0-9]+")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\["\\rnte]|\\(?:[01]\d\d|2[0-4]\d|25[0-5]))*)"')
_ESCAPE = re.compile(rb'\\(\d\d\d|["\\rnte])')
_LETTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"e": b"\n"}
_SPECIAL = re.compile(rb'[\x00-\x1f"\\\x7f]')
_NAMED = {b'"': rb"\"", b"\\": rb"\\", b"\r": rb"\r", b"\n": rb"\n", b"\t": rb"\t"}


def unquote_first(field: bytes) -> tuple[bytes, bytes]:
    """Decode the quoted string at the start of `field`. Return the string and the rest of `field`.

    Raises MalformedRequest if the quotes or an escape are broken.
    """
    text, end = unquote_at(field, 0)
    return text, field[end:]


def unquote_at(text: bytes, start: int) -> tuple[bytes, int]:
    """Decode the quoted string that starts at `start`. Return the string and the position after it.

    Raises MalformedRequest if the quotes or an escape are broken.
    """
    match = _QUOTED.match(text, start)
    if match is None:
        raise MalformedRequest("a broken quoted string")
    return _ESCAPE.sub(_decoded, match[1]), match.end()


def unquote(field: bytes) -> bytes:
    """Decode `field`. Raises MalformedRequest if the whole of it is not one quoted string."""
    text, rest = unquote_first(field)
    if rest:
        raise MalformedRequest("something after a quoted string")
    return text


def quote(text: bytes) -> bytes:
    """Return `text` as a quoted string. Control characters are escaped."""
    return b'"' + _SPECIAL.sub(lambda match: _NAMED.get(match[0], b"\\%03d" % match[0][0]), text) + b'"'


def quote_if_needed(text: bytes) -> bytes:
    """Return `text` unchanged if it consists of letters and digits, otherwise as a quoted string."""
    return text if _UNQUOTED.fullmatch(text) else quote(text)


def _decoded(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    return bytes([int(escape)]) if escape.isdigit() else _LETTERS.get(escape, escape)

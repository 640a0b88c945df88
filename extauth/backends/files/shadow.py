"""`format = "shadow"`: shadow(5), with its days of expiry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import filterfalse

from extauth.backends.files.entry import AgingPassword, BadLine, Column, Entry, text

_FIELDS = 9
_FOR_EVER = 10_000  # days a password may be old at most, from which on shadow(5) means no limit


def parse(line: bytes) -> tuple[str, Entry]:
    """The name and the stored password of a line. Raises BadLine."""
    fields = line.split(b":")
    name = text(fields[0])
    if len(fields) != _FIELDS:
        raise BadLine(f"has {len(fields)} fields, not {_FIELDS}", name)
    return name, _entry(name, fields[1], fields[2:8])


def columns(lines: Sequence[bytes]) -> tuple[Column, Column]:
    """The names and the stored passwords of usual lines, which have no end; none for others with as many fields.

    Raises ValueError where they have not as many.
    """
    names, stored, *others = zip(*[line.split(b":") for line in lines], strict=True)
    if len(others) != _FIELDS - 2:
        raise ValueError
    days = list(zip(*others[:6], strict=True))
    odd = set(filterfalse(_never_ends, set(days)))
    return names, [b"" if each in odd else text for each, text in zip(days, stored, strict=True)] if odd else stored


def _never_ends(days: Sequence[bytes]) -> bool:
    try:
        return isinstance(_entry("", b"", days), bytes)
    except BadLine:
        return False


def _entry(name: str, stored: bytes, days: Sequence[bytes]) -> bytes | AgingPassword:
    """The stored password, with its end if it has one."""
    changed, _, maximum, _, _, expires = (_days(field, name) for field in days)
    last_day = changed + maximum if changed > 0 and 0 <= maximum < _FOR_EVER else -1
    if last_day < 0 and expires < 0 and changed != 0:
        return stored
    return AgingPassword(stored, last_day, expires, must_change=changed == 0)


def _days(field: bytes, name: str) -> int:
    if not field:
        return -1
    try:
        return int(field)
    except ValueError:
        raise BadLine("a field that is to be a number is none", name) from None

"""The formats of password files: `plain`, `dovecot` and `shadow`. Each reads a line, or many lines together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import filterfalse

import msgspec

from extauth.model import Verdict, VerdictResult

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Windows editors write it before the first line."""

_NEVER = -1
_DOVECOT_EXTRA = 7  # the field of a passwd-file that holds the extra fields
_DOVECOT_FIELDS = 5  # at least, in a line with more than user and password
_SHADOW_FIELDS = 9
_SHADOW_NO_LIMIT = 10_000  # days; from here on shadow(5) means that a password never gets too old

_HARMLESS = {b"nodelay", b"user", b"original_user", b"uid", b"gid", b"home", b"mail", b"quota_rule"}
_RESTRICTING = {
    b"allow_nets",
    b"allow_real_nets",
    b"delay_until",
    b"noauthenticate",
    b"nologin",
    b"nopassword",
    b"proxy",
}


class BadLine(Exception):
    """A line that cannot be used. `address` is its account, if known. The message never contains a password."""

    def __init__(self, reason: str, address: str | None = None) -> None:
        super().__init__(reason)
        self.address = address


class AgingPassword(msgspec.Struct, frozen=True):
    """A stored password with the dates of shadow(5), in days since 1970. -1: no such date."""

    stored: bytes
    last_day: int = _NEVER
    expires: int = _NEVER
    must_change: bool = False

    def refusal(self, today: int) -> VerdictResult | None:
        """Return why this account may not log in today; None if it may."""
        if self.expires != _NEVER and today >= self.expires:
            return Verdict.USER_DISABLED.because("the account has expired")
        if self.must_change:
            return Verdict.PASSWORD_EXPIRED.because("the password must be changed")
        if self.last_day != _NEVER and today > self.last_day:
            return Verdict.PASSWORD_EXPIRED.because("the password has expired")
        return None


LineEntry = bytes | AgingPassword | VerdictResult
"""The content of a line: a stored password, one with dates, or a refusal."""

Column = Sequence[bytes]
"""One field of several lines."""


class PasswordFileFormat(msgspec.Struct, frozen=True):
    """How to read the lines of one format.

    `parse_line` returns the address and the entry of a line, and raises BadLine.
    `split_lines` returns the addresses and the stored passwords of several lines. The stored password is empty if only
    `parse_line` can read the line. Raises ValueError if the lines have different or wrong numbers of fields.
    """

    parse_line: Callable[[bytes], tuple[str, LineEntry]]
    split_lines: Callable[[Sequence[bytes]], tuple[Column, Column]]


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise BadLine("the name is not UTF-8") from None


# --- plain: `name@domain:hash` or `name:hash`. The hash reaches to the end of the line, as in htpasswd files.


def parse_plain(line: bytes) -> tuple[str, LineEntry]:
    """Return the address and the stored password of a line. Raises BadLine."""
    address, colon, stored = line.partition(b":")
    if not colon:
        raise BadLine("has no colon")
    return _text(address), stored


def _split_plain(lines: Sequence[bytes]) -> tuple[Column, Column]:
    addresses, stored = zip(*[line.split(b":", 1) for line in lines], strict=True)
    return addresses, stored


# --- dovecot: passwd-file, `user:password:uid:gid:gecos:home:shell:extra fields`.
# A passdb extra field may restrict an account (allow_nets, nologin, ...). extauth supports none of them.
# So it disables an entry with an extra field that is not known to be harmless.


def _parse_dovecot(line: bytes) -> tuple[str, LineEntry]:
    fields = line.split(b":", _DOVECOT_EXTRA)
    address = _text(fields[0])
    if len(fields) < 2:
        raise BadLine("has no colon")
    for extra in fields[_DOVECOT_EXTRA:]:
        restriction = _restriction(extra)
        if restriction is not None:
            known = "fields"  # an unknown field may be a part of a password: do not log it
            if restriction in _RESTRICTING:
                known = f"field {restriction.decode()}"
            raise BadLine(f"its extra {known} may restrict the account, and extauth supports no restrictions", address)
    return address, fields[1]


def _split_dovecot(lines: Sequence[bytes]) -> tuple[Column, Column]:
    addresses, stored, *others = zip(*[line.split(b":", _DOVECOT_EXTRA) for line in lines], strict=True)
    for extra in others[_DOVECOT_EXTRA - 2 :]:
        odd = {fields for fields in set(extra) if _restriction(fields) is not None}
        if odd:
            stored = tuple(b"" if fields in odd else text for fields, text in zip(extra, stored, strict=True))
    return addresses, stored


def _restriction(extra: bytes) -> bytes | None:
    """Return the name of the first extra field that is not known to be harmless.

    Many lines have more colons than needed. A field that consists of colons is empty.
    """
    for field in extra.split():
        name = field.partition(b"=")[0].lower().strip(b":")
        if name and name not in _HARMLESS and not name.startswith(b"userdb_"):
            return name
    return None


# --- shadow: shadow(5), with its dates.


def _parse_shadow(line: bytes) -> tuple[str, LineEntry]:
    fields = line.split(b":")
    name = _text(fields[0])
    if len(fields) != _SHADOW_FIELDS:
        raise BadLine(f"has {len(fields)} fields, not {_SHADOW_FIELDS}", name)
    return name, _with_dates(name, fields[1], fields[2:8])


def _split_shadow(lines: Sequence[bytes]) -> tuple[Column, Column]:
    names, stored, *others = zip(*[line.split(b":") for line in lines], strict=True)
    if len(others) != _SHADOW_FIELDS - 2:
        raise ValueError
    days = list(zip(*others[:6], strict=True))
    odd = set(filterfalse(_never_ends, set(days)))
    return names, [b"" if each in odd else text for each, text in zip(days, stored, strict=True)] if odd else stored


def _never_ends(days: Sequence[bytes]) -> bool:
    try:
        return isinstance(_with_dates("", b"", days), bytes)
    except BadLine:
        return False


def _with_dates(name: str, stored: bytes, days: Sequence[bytes]) -> bytes | AgingPassword:
    """Return the stored password, with its dates if it has any."""
    changed, _, maximum, _, _, expires = (_days(field, name) for field in days)
    last_day = changed + maximum if changed > 0 and 0 <= maximum < _SHADOW_NO_LIMIT else _NEVER
    if last_day < 0 and expires < 0 and changed != 0:
        return stored
    return AgingPassword(stored, last_day, expires, must_change=changed == 0)


def _days(field: bytes, name: str) -> int:
    if not field:
        return _NEVER
    try:
        return int(field)
    except ValueError:
        raise BadLine("a field that must be a number is not a number", name) from None


FORMATS = {
    "plain": PasswordFileFormat(parse_plain, _split_plain),
    "dovecot": PasswordFileFormat(_parse_dovecot, _split_dovecot),
    "shadow": PasswordFileFormat(_parse_shadow, _split_shadow),
}
"""The formats by their name in the configuration."""


# --- which format a file may have that is read as plain.

_SAMPLE = 8_192  # bytes


def likely_format(data: bytes) -> str | None:
    """Return the format that most of the first lines have, if it is another one than plain."""
    lines = [line for line in data[:_SAMPLE].splitlines() if line and not line.startswith(b"#")]
    fields = [line.split(b":") for line in lines if b":{PLAIN" not in line.upper()]
    for name, has_format in (("shadow", _is_shadow), ("dovecot", _is_dovecot)):
        if 2 * sum(map(has_format, fields)) > len(lines):
            return name
    return None


def _is_shadow(fields: Sequence[bytes]) -> bool:
    return len(fields) == _SHADOW_FIELDS and all(field.lstrip(b"-").isdigit() or not field for field in fields[2:8])


def _is_dovecot(fields: Sequence[bytes]) -> bool:
    return len(fields) >= _DOVECOT_FIELDS and all(field.isdigit() or not field for field in fields[2:4])

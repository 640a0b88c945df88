"""Hide passwords and responses in all lines that are shown, also in malformed ones.

In requests and replies the field that holds the secret is hidden. Each hidden field is remembered, and hidden again in
later texts that repeat it (remembered_secrets.py). All output of a program is shown through a `Masker`.
"""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Iterator

from extauth.errors import MalformedRequest
from extauth.harness.lines import STATUSES, is_information, is_interface_request, number_of
from extauth.harness.remembered_secrets import MASK, RememberedSecrets
from extauth.model import Secret
from extauth.protocol.quoting import unquote, unquote_first
from extauth.protocol.replies import (
    INCORRECT_PASSWORD,
    MALFORMED,
    NOT_AVAILABLE,
    NOT_CREATED,
    TEMPORARY_FAILURE,
    UNKNOWN_ACCOUNT,
    UNKNOWN_COMMAND,
    UNSUPPORTED_MECHANISM,
)
from extauth.protocol.requests import Dialect

_PLAIN = b"PLAIN"
_COMMAND = re.compile(rb"[A-Za-z]{1,16}|SASL\([A-Za-z0-9-]{1,20}\)")
_WITH_CHALLENGE = (b"SASL(CRAM-MD5)", b"SASL(APOP)")  # a challenge is no secret
_MODE = re.compile(rb"(\([^ ]*\) )?")
_MAX_NUMBERS = 100_000  # requests that are remembered

# Texts of the protocol are always shown, even if a password is a word in them.
_FIXED_TEXTS = {
    text.encode()
    for text in (
        INCORRECT_PASSWORD,
        TEMPORARY_FAILURE,
        MALFORMED,
        UNKNOWN_COMMAND,
        UNSUPPORTED_MECHANISM,
        UNKNOWN_ACCOUNT,
        NOT_CREATED,
        NOT_AVAILABLE,
    )
}


class Masker:
    """Turn lines into text for people and logs. `show_passwords` turns masking off.

    Give it each line that is sent. It follows the dialect and remembers the secrets.
    """

    def __init__(self, *, show_passwords: bool = False) -> None:
        self.dialect = Dialect.CLASSIC
        self._show_passwords = show_passwords
        self._secrets = RememberedSecrets()
        self._is_read_plain: OrderedDict[bytes, bool] = OrderedDict()  # by request number
        self._read_plain_seen = False

    def hide(self, secret: Secret, account: str) -> None:
        """Hide `secret`, the password of `account`, in all texts from now on."""
        for form in _forms(secret.reveal()):
            self._secrets.add_permanent(form, account.encode())

    def sent(self, line: bytes) -> str:
        """Return a line that was sent to the program, masked."""
        before, secret, after = _cut(line, self.dialect)
        has_account = before.count(b" ") > 2
        if has_account:
            self._remember(secret, account=before.split()[-1])
        else:
            self._remember(secret, words=True)
        is_read_plain = b"READPLAIN" in line.upper()  # a program may accept lower case
        self._read_plain_seen |= is_read_plain
        if number := number_of(line):
            self._is_read_plain[number] = is_read_plain or self._is_read_plain.get(number, False)
            if len(self._is_read_plain) > _MAX_NUMBERS:
                self._is_read_plain.popitem(last=False)
        if is_interface_request(line):
            self.dialect = Dialect.HELPER
        return printable(line if self._show_passwords or not secret else before + MASK + after)

    def received(self, line: bytes) -> str:
        """Return a line that came from the program, or was expected, masked."""
        if is_information(line):
            return printable(b"* ") + self.text(line[2:])
        number, space, reply = line.partition(b" ")
        is_read_plain = self._is_read_plain.get(number)
        if is_read_plain is not None:
            return printable(number + space) + self.reply(reply, is_secret=is_read_plain)
        may_be_secret = self._read_plain_seen or _PLAIN in line.upper()
        return printable(MASK) if may_be_secret and not self._show_passwords else self.text(line)

    def reply(self, reply: bytes, *, is_secret: bool = False) -> str:
        """Return a reply without its number, masked. `is_secret`: the request was a READPLAIN."""
        status, space, text = reply.partition(b" ")
        if self._show_passwords or not reply:
            return printable(reply)
        if status not in STATUSES:
            if is_secret:
                self._remember(reply, words=True)
            return printable(MASK)
        if text.strip() and (status == _PLAIN or (is_secret and text.strip() not in _FIXED_TEXTS)):
            self._remember(text)
            return printable(status + space + MASK)
        return printable(status + space) + self.text(text)

    def text(self, text: bytes) -> str:
        """Return any other text of the program, masked."""
        is_shown = self._show_passwords or text.strip() in _FIXED_TEXTS
        return printable(text if is_shown else self._secrets.mask(text))

    def _remember(self, secret: bytes, *, account: bytes = b"", words: bool = False) -> None:
        for form in (*_forms(secret), *(secret.split() if words else ())):
            self._secrets.add(form, account)


def _forms(secret: bytes) -> Iterator[bytes]:
    """Yield the secret as it is in the line, and unquoted."""
    yield secret.strip()
    with contextlib.suppress(MalformedRequest):
        yield unquote(secret.strip()).strip()


def printable(text: bytes) -> str:
    """Return `text` for one line of a terminal, with escapes for unprintable characters."""
    decoded = text.decode(errors="backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in decoded)


def _cut(line: bytes, dialect: Dialect) -> tuple[bytes, bytes, bytes]:
    """Cut `line` in three: shown, hidden, shown. Anything that may be a secret is hidden."""
    number, _, request = line.partition(b" ")
    if number_of(line) is None:
        return b"", line, b""
    command, _, fields = request.removesuffix(b"\r").partition(b" ")
    if not _COMMAND.fullmatch(command):
        return number + b" ", request, b""
    head = b"%s %s " % (number, command)
    if is_interface_request(line):
        return line, b"", b""
    end = _end_of_account(fields, dialect)
    if command in (b"NEW", b"READPLAIN") and end:
        return head + fields[: end + 1], fields[end + 1 :], b""
    verifies = command == b"VRFY" or command.startswith(b"SASL(")
    if not (verifies and end and (fields[end:] or b"@" in fields)):
        return head, fields, b""
    head, rest = head + fields[: end + 1], fields[end + 1 :]
    length = _end_of_field(rest, dialect) if command in _WITH_CHALLENGE else None
    return (head, rest[:length], rest[length:]) if length else (head, rest, b"")


def _end_of_account(fields: bytes, dialect: Dialect) -> int | None:
    mode = _MODE.match(fields)
    start = mode.end() if mode else 0
    length = _end_of_field(fields[start:], dialect)
    return start + length if length else None


def _end_of_field(fields: bytes, dialect: Dialect) -> int | None:
    """Return the end of the first field, or None if the field is malformed."""
    if dialect is Dialect.CLASSIC or not fields.startswith(b'"'):
        return len(fields.partition(b" ")[0])
    try:
        rest = unquote_first(fields)[1]
    except MalformedRequest:
        return None
    return len(fields) - len(rest) if rest.startswith(b" ") or not rest else None

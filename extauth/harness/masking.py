"""Hide passwords and responses in all lines that are shown, also in malformed ones.

Each hidden text is remembered. A later text that repeats it is hidden too. All output of a program is shown through a
`Masker`.
"""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain, islice

from extauth.errors import MalformedRequest
from extauth.harness.lines import STATUSES, is_information, is_interface_request, number_of
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

_MASK = b"***"
_PLAIN = b"PLAIN"
_COMMAND = re.compile(rb"[A-Za-z]{1,16}|SASL\([A-Za-z0-9-]{1,20}\)")
_WITH_CHALLENGE = (b"SASL(CRAM-MD5)", b"SASL(APOP)")  # a challenge is no secret
_MODE = re.compile(rb"(\([^ ]*\) )?")
_MAX_NUMBERS = 100_000  # requests that are remembered
_MAX_RECENT = 100_000  # secrets
_MAX_COMPARED = 1_000  # texts
_MAX_LENGTH = 256  # bytes

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


class RememberedSecrets:
    """Secrets that no text may repeat: permanent ones, and the latest 100,000 others.

    Only the first 256 bytes of a secret count, because a program's line may be cut after them.
    """

    def __init__(self) -> None:
        self._permanent: dict[bytes, None] = {}
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        self._count = 0
        self._compared: dict[bytes, tuple[int, int]] = {}

    def add_permanent(self, secret: bytes) -> None:
        """Remember `secret` for ever."""
        if secret:
            self._permanent[secret[:_MAX_LENGTH]] = None

    def add(self, secret: bytes) -> None:
        """Remember `secret` until 100,000 others were added after it."""
        secret = secret[:_MAX_LENGTH]
        if not secret or secret in self._permanent:
            return
        self._recent[secret] = None
        self._recent.move_to_end(secret)
        self._count += 1
        if len(self._recent) > _MAX_RECENT:
            self._recent.popitem(last=False)

    def found_in(self, text: bytes) -> bool:
        """Return whether `text` contains a secret. A text is compared with each secret only once."""
        permanent, count = self._compared.get(text, (0, 0))
        new_permanent = islice(self._permanent, permanent, None)
        new_recent = islice(reversed(self._recent), self._count - count)
        if any(secret in text for secret in chain(new_permanent, new_recent)):
            return True
        if len(self._compared) >= _MAX_COMPARED:
            self._compared.clear()
        self._compared[text] = (len(self._permanent), self._count)
        return False


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

    def hide(self, secret: Secret) -> None:
        """Hide `secret` in all texts from now on."""
        for form in _forms(secret.reveal()):
            self._secrets.add_permanent(form)

    def sent(self, line: bytes) -> str:
        """Return a line that was sent to the program, masked."""
        before, secret, after = _cut(line, self.dialect)
        has_account = before.count(b" ") > 2
        self._remember(secret, words=not has_account)
        is_read_plain = b"READPLAIN" in line.upper()  # a program may accept lower case
        self._read_plain_seen |= is_read_plain
        if number := number_of(line):
            self._is_read_plain[number] = is_read_plain or self._is_read_plain.get(number, False)
            if len(self._is_read_plain) > _MAX_NUMBERS:
                self._is_read_plain.popitem(last=False)
        if is_interface_request(line):
            self.dialect = Dialect.HELPER
        return printable(line if self._show_passwords or not secret else before + _MASK + after)

    def received(self, line: bytes) -> str:
        """Return a line that came from the program, or was expected, masked."""
        if is_information(line):
            return printable(b"*" + self._masked_if_secret(line[1:]))
        number, space, reply = line.partition(b" ")
        is_read_plain = self._is_read_plain.get(number)
        if is_read_plain is not None:
            return printable(number + space) + self.reply(reply, is_secret=is_read_plain)
        may_be_secret = self._read_plain_seen or _PLAIN in line.upper()
        return printable(_MASK) if may_be_secret and not self._show_passwords else self.text(line)

    def reply(self, reply: bytes, *, is_secret: bool = False) -> str:
        """Return a reply without its number, masked. `is_secret`: the request was a READPLAIN."""
        status, space, text = reply.partition(b" ")
        if self._show_passwords or not reply:
            return printable(reply)
        if status not in STATUSES:
            if is_secret:
                self._remember(reply, words=True)
            return printable(_MASK)
        if text.strip() and (status == _PLAIN or (is_secret and text.strip() not in _FIXED_TEXTS)):
            self._remember(text)
            return printable(status + space + _MASK)
        return printable(status + self._masked_if_secret(space + text))

    def text(self, text: bytes) -> str:
        """Return any other text of the program, masked."""
        return printable(_MASK if self._has_secret(text) else text)

    def _masked_if_secret(self, rest: bytes) -> bytes:
        return b" " + _MASK if self._has_secret(rest) else rest

    def _has_secret(self, text: bytes) -> bool:
        return not self._show_passwords and text.strip() not in _FIXED_TEXTS and self._secrets.found_in(text)

    def _remember(self, secret: bytes, *, words: bool = False) -> None:
        for form in (*_forms(secret), *(secret.split() if words else ())):
            self._secrets.add(form)


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

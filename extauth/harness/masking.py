"""Lines as they may be shown: passwords and responses as `***`, whatever is wrong with the line.

What a mask hides is remembered, and hides every later text that repeats it. All that a program says is shown by way of
a `Masker`.
"""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from collections.abc import Iterator

from extauth.errors import MalformedRequest
from extauth.harness.known_secrets import KnownSecrets
from extauth.harness.wire import STATUSES, is_information, is_interface_request, number_of
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
_MODE = re.compile(rb"(\([^ ]*\) )?")
_MAX_NUMBERS = 100_000  # of requests that are remembered

# Texts of the protocol give nothing away, even where somebody's password is a word of theirs.
_HARMLESS = {
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
    """Makes text of lines for people and logs; `show_passwords` turns the masks off.

    It has to be given every line that is sent: it follows the dialect, and learns what to hide.
    """

    def __init__(self, *, show_passwords: bool = False) -> None:
        self.dialect = Dialect.CLASSIC
        self._show_passwords = show_passwords
        self._secrets = KnownSecrets()
        self._asks_for_secret: OrderedDict[bytes, bool] = OrderedDict()  # by the number of the request
        self._asked_for_secrets = False

    def hide(self, secret: Secret) -> None:
        """Hide `secret` from now on, wherever it stands."""
        for form in _forms(secret.reveal()):
            self._secrets.keep(form)

    def sent(self, line: bytes) -> str:
        """A line that was sent to the program."""
        before, secret, after = _cut(line, self.dialect)
        knows_account = before.count(b" ") > 2
        self._learn(secret, words=not knows_account)
        asks = b"READPLAIN" in line.upper()  # a program may be less strict than we are
        self._asked_for_secrets |= asks
        if number := number_of(line):
            self._asks_for_secret[number] = asks or self._asks_for_secret.get(number, False)
            if len(self._asks_for_secret) > _MAX_NUMBERS:
                self._asks_for_secret.popitem(last=False)
        if is_interface_request(line):
            self.dialect = Dialect.HELPER
        return printable(line if self._show_passwords or not secret else before + _MASK + after)

    def received(self, line: bytes) -> str:
        """A line that came from the program, or was expected to."""
        if is_information(line):
            return printable(b"*" + self._unless_it_gives_away(line[1:]))
        number, space, reply = line.partition(b" ")
        asks = self._asks_for_secret.get(number)
        if asks is not None:
            return printable(number + space) + self.reply(reply, is_secret=asks)
        may_be_one = self._asked_for_secrets or _PLAIN in line.upper()
        return printable(_MASK) if may_be_one and not self._show_passwords else self.text(line)

    def reply(self, reply: bytes, *, is_secret: bool = False) -> str:
        """A reply that came, without its number; `is_secret`: its request asked for a password."""
        status, space, text = reply.partition(b" ")
        if self._show_passwords or not reply:
            return printable(reply)
        if status not in STATUSES:
            if is_secret:
                self._learn(reply, words=True)
            return printable(_MASK)
        if text.strip() and (status == _PLAIN or (is_secret and text.strip() not in _HARMLESS)):
            self._learn(text)
            return printable(status + space + _MASK)
        return printable(status + self._unless_it_gives_away(space + text))

    def text(self, text: bytes) -> str:
        """Any other text of the program's."""
        return printable(_MASK if self._gives_away(text) else text)

    def _unless_it_gives_away(self, rest: bytes) -> bytes:
        return b" " + _MASK if self._gives_away(rest) else rest

    def _gives_away(self, text: bytes) -> bool:
        return not self._show_passwords and text.strip() not in _HARMLESS and self._secrets.stand_in(text)

    def _learn(self, secret: bytes, *, words: bool = False) -> None:
        for form in (*_forms(secret), *(secret.split() if words else ())):
            self._secrets.learn(form)


def _forms(secret: bytes) -> Iterator[bytes]:
    """As it stands in a line, and what that may mean."""
    yield secret.strip()
    with contextlib.suppress(MalformedRequest):
        yield unquote(secret.strip()).strip()


def printable(text: bytes) -> str:
    """`text` on one line of a terminal, what cannot be shown as escapes."""
    decoded = text.decode(errors="backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in decoded)


def _cut(line: bytes, dialect: Dialect) -> tuple[bytes, bytes, bytes]:
    """`line` in three: what may be shown, what may not, what may be shown again.

    What cannot be told from a secret is taken for one.
    """
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
    length = _end_of_field(rest, dialect) if command != b"VRFY" else None
    return (head, rest[:length], rest[length:]) if length else (head, rest, b"")


def _end_of_account(fields: bytes, dialect: Dialect) -> int | None:
    mode = _MODE.match(fields)
    start = mode.end() if mode else 0
    length = _end_of_field(fields[start:], dialect)
    return start + length if length else None


def _end_of_field(fields: bytes, dialect: Dialect) -> int | None:
    """Where the first field ends; None where it is broken."""
    if dialect is Dialect.CLASSIC or not fields.startswith(b'"'):
        return len(fields.partition(b" ")[0])
    try:
        rest = unquote_first(fields)[1]
    except MalformedRequest:
        return None
    return len(fields) - len(rest) if rest.startswith(b" ") or not rest else None

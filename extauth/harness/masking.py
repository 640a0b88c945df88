"""Lines as they may be shown: passwords and responses as `***`, whatever is wrong with the line.

What a mask hides is remembered, and hides every later text that repeats it.
"""

from __future__ import annotations

import contextlib
import re

from extauth.errors import MalformedRequest
from extauth.harness.wire import NUMBER, is_information, is_interface_request, number_of
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
_COMMAND = re.compile(rb"[A-Za-z]{1,16}|SASL\([A-Za-z0-9-]{1,20}\)")
_REPLY = re.compile(rb"(" + NUMBER + rb") (OK|ERROR|FAILURE|INTF|PLAIN)(?= |$)")
_PLAIN = re.compile(rb"\s*\S+\s+PLAIN(?=\s)", re.IGNORECASE)
_MODE = re.compile(rb"(\([^ ]*\) )?")
_MAX_REMEMBERED = 1_000

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
        self._numbers: set[bytes] = set()
        self._known: set[bytes] = set()
        self._secrets: list[bytes] = []
        self._compared: dict[bytes, int] = {}

    def hide(self, secret: Secret) -> None:
        """Hide `secret` from now on, wherever it stands."""
        self._learn([secret.reveal()])

    def sent(self, line: bytes) -> str:
        """A line that was sent to the program."""
        before, secret, after = _cut(line, self.dialect)
        knows_account = before.count(b" ") > 2
        self._learn([secret] if knows_account else [secret, *secret.split()])
        if number := number_of(line):
            self._numbers.add(number)
        if is_interface_request(line):
            self.dialect = Dialect.HELPER
        return printable(line if self._show_passwords or not secret else before + _MASK + after)

    def received(self, line: bytes) -> str:
        """A line that came from the program, or was expected to."""
        if is_information(line):
            return self._behind(b"*", line[1:])
        reply = _REPLY.match(line)
        answers = reply is not None and reply[1] in self._numbers
        plain = None if self._show_passwords else _PLAIN.match(line)
        if plain is not None:
            return f"{printable(plain[0]) if answers else self.text(plain[0])} {printable(_MASK)}"
        return self._behind(reply[0], line[reply.end() :]) if reply is not None and answers else self.text(line)

    def reply(self, reply: bytes) -> str:
        """A reply that came, without its number."""
        status, space, text = reply.partition(b" ")
        return self._behind(status, space + text)

    def text(self, text: bytes) -> str:
        """Any other text of the program's."""
        return printable(_MASK if self._gives_away(text) else text)

    def _behind(self, head: bytes, rest: bytes) -> str:
        return printable(head + (b" " + _MASK if self._gives_away(rest) else rest))

    def _learn(self, secrets: list[bytes]) -> None:
        forms = {secret.strip() for secret in secrets}
        with contextlib.suppress(MalformedRequest):
            forms.add(unquote(secrets[0]).strip())
        for form in forms - self._known - {b""}:
            self._known.add(form)
            self._secrets.append(form)

    def _gives_away(self, text: bytes) -> bool:
        """Whether `text` holds a secret; the same text is compared with the same secret only once."""
        if self._show_passwords or text.strip() in _HARMLESS:
            return False
        compared = self._compared.get(text, 0)
        if any(secret in text for secret in self._secrets[compared:]):
            return True
        if len(self._compared) >= _MAX_REMEMBERED:
            self._compared.clear()
        self._compared[text] = len(self._secrets)
        return False


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

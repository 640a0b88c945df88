"""The data format of the mail server, in its settings files and in the commands and replies of its CLI.

| value | written |
|---|---|
| `str` | `lettersAndDigits1`, or `"quoted"` (see quoting.py); quoted strings side by side are one string |
| `bytes` | a data block: `[base64]` |
| `int` | `#123`, at most 64 bits with its sign |
| `None` | `#NULL#` |
| `list` | `(a, b)` |
| `dict` | `{ key = value; }`; if a key comes twice, the last value counts |

A string is UTF-8. Other bytes are kept as `surrogateescape` does. A reader also takes `- _ . @ ! # % ] :` and all bytes
from 0x80 in an unquoted string.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from extauth.errors import MalformedRequest
from extauth.protocol.quoting import quote_if_needed, unquote_at

Value = str | bytes | int | None | Sequence["Value"] | dict[str, "Value"]

MAX_SIZE = 1_048_576
"""The highest number of bytes that are read, unless the caller allows more."""

MAX_DEPTH = 32
"""The highest number of arrays and dictionaries inside each other, unless the caller allows more."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_WORD = re.compile(rb"[A-Za-z0-9\-_.@!#%\]:\x80-\xff]+")
_NUMBER = re.compile(rb"#(-?\d{1,19})")
_DATA = re.compile(rb"\[([A-Za-z0-9+/= \t\r\n]*)\]")
_NULL = b"#NULL#"
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


class MalformedData(ValueError):
    """The text is not in the data format. The error names the position in bytes, but no part of the text."""


def read(text: bytes, *, max_size: int = MAX_SIZE, max_depth: int = MAX_DEPTH) -> Value:
    """Return the only value in `text`. Raises MalformedData."""
    reader = _Reader(text, max_size, max_depth)
    value = reader.value(0)
    if not reader.at_end():
        raise reader.error("something after the value")
    return value


def read_arguments(text: bytes) -> list[Value]:
    """Return the values in `text`, separated by spaces: the arguments of a CLI command. Raises MalformedData.

    Here quoted strings side by side are two arguments.
    """
    reader = _Reader(text)
    values = []
    while not reader.at_end():
        values.append(reader.value(0, join=False))
    return values


def write(value: Value) -> bytes:
    """Return `value` in one line, without a line end. Raises ValueError if the format has no such value."""
    match value:
        case None:
            return _NULL
        case str():
            return quote_if_needed(value.encode(errors="surrogateescape"))
        case bytes():
            return b"[" + base64.b64encode(value) + b"]"
        case bool():
            raise ValueError("the data format has no booleans: write YES or NO")
        case int():
            if not _LOWEST <= value <= _HIGHEST:
                raise ValueError("a number must have at most 64 bits")
            return b"#%d" % value
        case dict():
            items = b"".join(b"%s = %s; " % (write(key), write(item)) for key, item in value.items())
            return b"{ " + items + b"}" if items else b"{}"
        case list() | tuple():
            return b"(" + b", ".join(map(write, value)) + b")"
    raise ValueError(f"the data format has no {type(value).__name__}: write a text")


class _Reader:
    """Reads values from left to right."""

    def __init__(self, text: bytes, max_size: int = MAX_SIZE, max_depth: int = MAX_DEPTH) -> None:
        if len(text) > max_size:
            raise MalformedData(f"longer than {max_size:,} bytes")
        self._text = text
        self._max_depth = max_depth
        self._position = 0

    def error(self, reason: str) -> MalformedData:
        """Return the error for this position."""
        return MalformedData(f"{reason}, at byte {self._position}")

    def at_end(self) -> bool:
        """Skip white space. Return True if nothing else follows."""
        self._skip_space()
        return self._position == len(self._text)

    def value(self, depth: int, *, join: bool = True) -> Value:
        """Read one value. `join`: quoted strings side by side are one string."""
        if depth > self._max_depth:
            raise self.error(f"more than {self._max_depth} arrays and dictionaries inside each other")
        match self._next():
            case b"(":
                return self._array(depth + 1)
            case b"{":
                return self._dictionary(depth + 1)
            case b"[":
                return self._data()
            case b'"':
                return self._quoted(join=join)
        word = self._word()
        if word == _NULL:
            return None
        number = _NUMBER.fullmatch(word)
        if number is None:
            return word.decode(errors="surrogateescape")
        result = int(number[1])
        if not _LOWEST <= result <= _HIGHEST:
            raise self.error("a number of more than 64 bits")
        return result

    def _array(self, depth: int) -> list[Value]:
        self._position += 1
        values: list[Value] = []
        if self._take(b")"):
            return values
        while True:
            values.append(self.value(depth))
            if self._take(b")"):
                return values
            self._expect(b",", "a comma or ) is missing")

    def _dictionary(self, depth: int) -> dict[str, Value]:
        self._position += 1
        values: dict[str, Value] = {}
        while not self._take(b"}"):
            key = self._quoted() if self._next() == b'"' else self._word().decode(errors="surrogateescape")
            self._expect(b"=", "= is missing after a key")
            values[key] = self.value(depth)
            self._expect(b";", "; is missing after a value")
        return values

    def _data(self) -> bytes:
        block = _DATA.match(self._text, self._position)
        if block is None:
            raise self.error("a data block that is not [base64]")
        try:
            data = base64.b64decode(_remove_space(block[1]), validate=True)
        except binascii.Error:
            raise self.error("a data block that is not [base64]") from None
        self._position = block.end()
        return data

    def _quoted(self, *, join: bool = True) -> str:
        parts: list[bytes] = []
        while not parts or (join and self._next() == b'"'):
            try:
                part, self._position = unquote_at(self._text, self._position)
            except MalformedRequest as error:
                raise self.error(str(error)) from None
            parts.append(part)
        return b"".join(parts).decode(errors="surrogateescape")

    def _word(self) -> bytes:
        word = _WORD.match(self._text, self._position)
        if word is None:
            raise self.error("the end, but a value is missing" if self.at_end() else "an unexpected character")
        self._position = word.end()
        return word[0]

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._position)
        assert space is not None
        self._position = space.end()

    def _next(self) -> bytes:
        self._skip_space()
        return self._text[self._position : self._position + 1]

    def _take(self, character: bytes) -> bool:
        found = self._next() == character
        self._position += found
        return found

    def _expect(self, character: bytes, reason: str) -> None:
        if not self._take(character):
            raise self.error(reason)


def _remove_space(text: bytes) -> bytes:
    return text.translate(None, b" \t\r\n")

"""The MIME structure of a message: the bytes of each part (RFC 2045, RFC 2046). Any bytes are a message."""

from __future__ import annotations

import base64
import binascii
import codecs
import quopri
import re
from collections.abc import Iterator
from email.message import Message as EmailHeader
from functools import cached_property

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)\n?", re.MULTILINE)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_MAX_HEADER = 65_536  # bytes; fields after them are not looked at
_MAX_PARAMETERS = 4_096  # bytes of a field
_MAX_DEPTH = 20
_MAX_PARTS = 500  # of one multipart


class Part:
    """A message or a part of one.

    header: the lines of the header, with the blank line after them
    body: everything after it
    """

    def __init__(self, content: bytes, default_type: str = "text/plain", depth: int = 0) -> None:
        end = _end_of_header(content)
        self.header, self.body = content[:end], content[end:]
        self._default_type = default_type
        self._depth = depth

    @cached_property
    def fields(self) -> list[tuple[bytes, bytes, bytes]]:
        """The fields of the header: the name in small letters, all its lines, and the value in one line."""
        return [
            (match[1].lower(), match[0], _FOLD.sub(b"", match[2]).strip())
            for match in _FIELD.finditer(self.header[:_MAX_HEADER])
        ]

    def field(self, name: bytes) -> bytes | None:
        """Return the value of the first field with this name, in small letters."""
        return next((value for field, _, value in self.fields if field == name), None)

    @cached_property
    def content_type(self) -> tuple[str, str]:
        """The type and the subtype."""
        main, _, sub = self._parsed(b"content-type").get_content_type().partition("/")
        return (main, sub) if self.field(b"content-type") else tuple(self._default_type.split("/"))  # type: ignore[return-value]

    def parameters(self, field: bytes) -> list[tuple[bytes, bytes]]:
        """Return the parameters of a field such as `content-type`."""
        parameters = self._parsed(field).get_params([], field.decode())[1:]
        return [(name.encode("latin-1"), str(value).encode("latin-1", "replace")) for name, value in parameters]

    @property
    def encoding(self) -> bytes:
        """The content transfer encoding."""
        return self.field(b"content-transfer-encoding") or b"7bit"

    @cached_property
    def parts(self) -> list[Part]:
        """The parts of a multipart, or the message in a message/rfc822. Otherwise empty."""
        if self._depth >= _MAX_DEPTH:
            return []
        if self.content_type == ("message", "rfc822"):
            return [Part(self.body, depth=self._depth + 1)]
        if self.content_type[0] != "multipart":
            return []
        boundary = dict(self.parameters(b"content-type")).get(b"boundary")
        default = "message/rfc822" if self.content_type[1] == "digest" else "text/plain"
        return [Part(part, default, self._depth + 1) for part in _split(self.body, boundary)] if boundary else []

    def text(self) -> Iterator[str]:
        """Yield the texts of this part and of the parts in it, decoded."""
        for part in self.parts:
            yield from part.header_text()
            yield from part.text()
        if self.parts:
            return
        charset = dict(self.parameters(b"content-type")).get(b"charset", b"utf-8").decode("latin-1")
        yield decode(_transfer_decoded(self.body, self.encoding.lower()), charset)

    def header_text(self) -> Iterator[str]:
        """Yield the values of all fields, decoded."""
        for name, _, value in self.fields:
            yield f"{name.decode()}: {decode_words(value)}"

    def _parsed(self, name: bytes) -> EmailHeader:
        header = EmailHeader()
        value = (self.field(name) or b"")[:_MAX_PARAMETERS].decode("latin-1")
        header[name.decode()] = value.replace("\r", " ").replace("\n", " ")
        return header


def _end_of_header(content: bytes) -> int:
    """Return where the body begins: after the first empty line. `find` is much faster than an expression here."""
    if content.startswith((b"\r\n", b"\n")):
        return content.index(b"\n") + 1
    found = (content.find(b"\n\n") + 2, content.find(b"\n\r\n") + 3)
    return min((end for end in found if end > 2), default=len(content))


def decode_words(value: bytes) -> str:
    """Return the value of a field with its encoded words decoded (RFC 2047)."""
    return _WORD.sub(_decoded_word, _BETWEEN_WORDS.sub(b"", value).decode("utf-8", "replace"))


def decode(data: bytes, charset: str) -> str:
    """Return the text. Unknown character sets count as UTF-8. So do those of host names, which are slow to decode."""
    try:
        name = codecs.lookup(charset).name
        return data.decode("utf-8" if name in ("idna", "punycode") else name, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bqBQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS = re.compile(rb"(?<=\?=)[ \t]+(?==\?)")


def _decoded_word(word: re.Match[str]) -> str:
    text = word[3].encode("ascii", "replace")
    encoding = b"base64" if word[2] in "bB" else b"quoted-printable"
    return decode(_transfer_decoded(text.replace(b"_", b" ") if encoding != b"base64" else text, encoding), word[1])


def _transfer_decoded(data: bytes, encoding: bytes) -> bytes:
    if encoding == b"quoted-printable":
        return quopri.decodestring(data)
    if encoding == b"base64":
        try:
            return base64.b64decode(data)
        except binascii.Error:
            return data
    return data


def _split(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield the parts between the boundaries. The line end before a boundary belongs to it."""
    body = b"\n" + body  # so that each boundary has a line end before it
    delimiter = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    begin, at = None, 0
    for _ in range(_MAX_PARTS + 1):
        found = delimiter.search(body, at)
        if begin is not None:
            yield body[begin : found.start()].removesuffix(b"\r") if found else body[begin:]
        if found is None or found[1]:
            return
        begin = found.end()
        # The line end of this boundary can be the one before the next: then the part between is empty.
        at = begin - 1 if body[begin - 1 : begin] == b"\n" else begin

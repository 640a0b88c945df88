"""Parse a line into a request, in both dialects: docs/protocol.md, sections 1 to 3."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import msgspec

from extauth.errors import MalformedRequest
from extauth.model import Secret
from extauth.protocol.framing import Line
from extauth.protocol.quoting import NEVER_IN_A_LINE, unquote, unquote_first
from extauth.protocol.replies import MALFORMED, UNKNOWN_COMMAND, UNSUPPORTED_MECHANISM
from extauth.protocol.requests import (
    Dialect,
    IntfRequest,
    MailServerRequest,
    NewRequest,
    QuitRequest,
    ReadPlainRequest,
    SaslRequest,
    VrfyRequest,
)

_TOO_LONG = "the line is too long"
_NUMBER = re.compile(rb"[A-Za-z0-9._-]{1,64}")

# The bytes of an address and of a password. Written as `[^ \n]` and `[^\0\r\n]` they take twice as long to match.
_IN_ADDRESS = rb"[\x00-\x09\x0b-\x1f\x21-\xff]"
_IN_PASSWORD = rb"[\x01-\x09\x0b\x0c\x0e-\xff]"
_match_simple_vrfy = re.compile(
    rb'(?:[A-Za-z0-9._-]{1,64}+ VRFY (?!["(])%b++ (?!")%b++\n)*+' % (_IN_ADDRESS, _IN_PASSWORD)
).match


def split_simple_vrfy_lines(lines: list[Line]) -> Iterator[tuple[list[bytes], Line | None]]:
    """Split lines into runs of simple `VRFY` lines. Yield each run with the other line after it, if there is one.

    Nearly every line is a simple one: number, `VRFY`, address and password, with one space between them. Nothing in it
    is quoted or missing, and it has no mode. So it means the same in both dialects.
    """
    text = _text(lines)
    start = place = 0
    while start < len(lines):
        match = _match_simple_vrfy(text, place)
        assert match is not None  # it can be empty
        end = start + text.count(b"\n", place, match.end())
        other = lines[end] if end < len(lines) else None
        yield lines[start:end], other  # type: ignore[misc]  # the run is bytes: an overlong line does not match
        start = end + 1
        place = match.end() if other is None else text.index(b"\n", match.end()) + 1


def _text(lines: list[Line]) -> bytes:
    """Join the lines with their ends. Of an overlong line only the end is left."""
    try:
        return b"\n".join(lines) + b"\n"  # type: ignore[arg-type]  # an overlong line raises TypeError
    except TypeError:
        return b"\n".join([line if isinstance(line, bytes) else b"" for line in lines]) + b"\n"


class RefusedRequest(msgspec.Struct, frozen=True):
    """A line with a sequence number that is not an accepted request, the text of its reply, and for the log why."""

    number: bytes
    text: str
    why: str = ""


class NumberlessLine(msgspec.Struct, frozen=True):
    """A line without a valid sequence number. It gets no reply."""


ParsedLine = MailServerRequest | RefusedRequest | NumberlessLine


class RequestParser:
    """Parses one line after the other. `INTF` switches its dialect.

    `mechanisms` are the mechanisms that are switched on.
    """

    def __init__(self, mechanisms: Collection[str]) -> None:
        self.dialect = Dialect.CLASSIC
        self.set_mechanisms(mechanisms)

    def set_mechanisms(self, mechanisms: Collection[str]) -> None:
        """Accept only these mechanisms from now on."""
        self._commands = {b"SASL(%s)" % name.encode(): name for name in mechanisms}

    def parse(self, line: Line) -> ParsedLine:
        """Parse any bytes. This never raises."""
        if not isinstance(line, bytes):
            number = line.head.partition(b" ")[0]
            return RefusedRequest(number, MALFORMED, _TOO_LONG) if _NUMBER.fullmatch(number) else NumberlessLine()
        number, _, rest = line.partition(b" ")
        if not _NUMBER.fullmatch(number):
            return NumberlessLine()
        command, space, fields = rest.partition(b" ")
        try:
            if command == b"VRFY":
                return self._password_request(number, fields)
            if command.startswith(b"SASL"):
                return self._response_request(number, command, fields)
            if command == b"INTF":
                if not fields.isdigit() or len(fields) > 9:
                    raise MalformedRequest("a version that is not a decimal number")
                self.dialect = Dialect.HELPER
                return IntfRequest(number, int(fields))
            if command == b"QUIT":
                if space:
                    raise MalformedRequest("a field after QUIT")
                return QuitRequest(number)
            if command in (b"NEW", b"READPLAIN") and self.dialect is Dialect.HELPER:
                return self._lookup_request(number, command, fields)
        except MalformedRequest as error:
            return RefusedRequest(number, MALFORMED, f"it has {error}")
        return RefusedRequest(number, UNKNOWN_COMMAND)

    def _password_request(self, number: bytes, fields: bytes) -> VrfyRequest:
        mode, address, password = self._account(fields)
        if password is None:
            raise MalformedRequest("no password")
        if self.dialect is Dialect.HELPER and password.startswith(b'"'):
            password = unquote(password)
        return VrfyRequest(number, address, _secret(password), mode)

    def _response_request(self, number: bytes, command: bytes, fields: bytes) -> SaslRequest | RefusedRequest:
        mechanism = self._commands.get(command)
        if mechanism is None:
            if command.startswith(b"SASL(") and command.endswith(b")"):
                return RefusedRequest(number, UNSUPPORTED_MECHANISM)
            if command == b"SASL":
                raise MalformedRequest("no mechanism")
            return RefusedRequest(number, UNKNOWN_COMMAND)
        mode, address, rest = self._account(fields)
        response, challenge = self._field(rest or b"")
        if challenge and self.dialect is Dialect.HELPER and challenge.startswith(b'"'):
            challenge = unquote(challenge)
        if not response or not challenge:
            raise MalformedRequest("no response or no challenge")
        return SaslRequest(number, mechanism, address, _secret(response), _secret(challenge), mode)

    def _lookup_request(self, number: bytes, command: bytes, fields: bytes) -> NewRequest | ReadPlainRequest:
        mode, address, rest = self._account(fields)
        if rest is not None:
            raise MalformedRequest("something after the account")
        return NewRequest(number, address, mode) if command == b"NEW" else ReadPlainRequest(number, address, mode)

    def _account(self, fields: bytes) -> tuple[str, str, bytes | None]:
        """Return the mode, the address, and the rest after one space; None as the rest if there is no space."""
        mode = b""
        if fields.startswith(b"("):
            first, space, rest = fields.partition(b" ")
            if space and first.endswith(b")"):
                mode, fields = first[1:-1], rest
        address, rest_or_none = self._field(fields)
        if not address:
            raise MalformedRequest("no account")
        try:
            return mode.decode() if mode else "", address.decode(), rest_or_none
        except UnicodeDecodeError:
            raise MalformedRequest("an account or a mode that is not UTF-8") from None

    def _field(self, fields: bytes) -> tuple[bytes, bytes | None]:
        """Return the first field, and the rest after one space; None as the rest if there is no space."""
        if self.dialect is Dialect.HELPER and fields.startswith(b'"'):
            field, rest = unquote_first(fields)
            if rest and not rest.startswith(b" "):
                raise MalformedRequest("something after a quoted string")
            return field, rest[1:] if rest else None
        field, space, rest = fields.partition(b" ")
        return field, rest if space else None


def _secret(value: bytes) -> Secret:
    if NEVER_IN_A_LINE.search(value):
        raise MalformedRequest("a NUL, CR or LF")
    return Secret(value)

"""A line to a request, in both dialects, and back: docs/protocol.md, sections 1 to 3."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection

import msgspec

from extauth.errors import MalformedRequest
from extauth.model import Secret
from extauth.protocol.framing import Line, OverlongLine
from extauth.protocol.quoting import quote, unquote, unquote_first

_NUMBER = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NEVER_IN_A_SECRET = re.compile(rb"[\0\r\n]")


class Dialect(enum.Enum):
    """Which of the two dialects a line is in (section 1)."""

    CLASSIC = "classic"
    HELPER = "helper"


class PasswordRequest(msgspec.Struct, frozen=True):
    """`VRFY`: check a clear-text password."""

    number: bytes
    address: str
    password: Secret
    mode: str = ""


class ResponseRequest(msgspec.Struct, frozen=True):
    """`SASL(mechanism)`: check what a client answered to a challenge."""

    number: bytes
    mechanism: str
    address: str
    response: Secret
    challenge: Secret
    mode: str = ""


class InterfaceRequest(msgspec.Struct, frozen=True):
    """`INTF`: which version of the interface both sides speak; from the next line on the helper dialect."""

    number: bytes
    version: int


class QuitRequest(msgspec.Struct, frozen=True):
    """`QUIT`: as good as the end of standard input."""

    number: bytes


class RefusedRequest(msgspec.Struct, frozen=True):
    """A line with a sequence number that is no request we take: the text of the reply it gets."""

    number: bytes
    text: str


class NumberlessLine(msgspec.Struct, frozen=True):
    """A line from which no sequence number can be taken: it gets no reply."""


Request = PasswordRequest | ResponseRequest | InterfaceRequest | QuitRequest
Received = Request | RefusedRequest | NumberlessLine

MALFORMED = "malformed request"
UNKNOWN_COMMAND = "unknown command"
UNSUPPORTED_MECHANISM = "unsupported SASL method"


class RequestParser:
    """Parses line after line, and follows the dialect that `INTF` switches.

    `mechanisms` are the secure methods that are switched on.
    """

    def __init__(self, mechanisms: Collection[str]) -> None:
        self.dialect = Dialect.CLASSIC
        self.switch_on(mechanisms)

    def switch_on(self, mechanisms: Collection[str]) -> None:
        """Take these secure methods from now on, and no others."""
        self._commands = {b"SASL(%s)" % name.encode(): name for name in mechanisms}

    def parse(self, line: Line) -> Received:
        """What `line` says; never raises, whatever its bytes."""
        if isinstance(line, OverlongLine):
            number = line.head.partition(b" ")[0]
            return RefusedRequest(number, MALFORMED) if _NUMBER.fullmatch(number) else NumberlessLine()
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
                    raise MalformedRequest("the version is a decimal number")
                self.dialect = Dialect.HELPER
                return InterfaceRequest(number, int(fields))
            if command == b"QUIT":
                if space:
                    raise MalformedRequest("nothing follows QUIT")
                return QuitRequest(number)
        except MalformedRequest:
            return RefusedRequest(number, MALFORMED)
        return RefusedRequest(number, UNKNOWN_COMMAND)

    def _password_request(self, number: bytes, fields: bytes) -> PasswordRequest:
        mode, address, password = self._account_fields(fields)
        if self.dialect is Dialect.HELPER and password.startswith(b'"'):
            password = unquote(password)
        return PasswordRequest(number, address, _secret(password), mode)

    def _response_request(self, number: bytes, command: bytes, fields: bytes) -> ResponseRequest | RefusedRequest:
        mechanism = self._commands.get(command)
        if mechanism is None:
            if command.startswith(b"SASL(") and command.endswith(b")"):
                return RefusedRequest(number, UNSUPPORTED_MECHANISM)
            return RefusedRequest(number, MALFORMED if command == b"SASL" else UNKNOWN_COMMAND)
        mode, address, rest = self._account_fields(fields)
        response, challenge = self._field(rest)
        if self.dialect is Dialect.HELPER and challenge.startswith(b'"'):
            challenge = unquote(challenge)
        if not response or not challenge:
            raise MalformedRequest("an empty response or challenge")
        return ResponseRequest(number, mechanism, address, _secret(response), _secret(challenge), mode)

    def _account_fields(self, fields: bytes) -> tuple[str, str, bytes]:
        """The mode, the address, and all that follows them."""
        mode = b""
        if fields.startswith(b"("):
            first, space, rest = fields.partition(b" ")
            if space and first.endswith(b")"):
                mode, fields = first[1:-1], rest
        address, rest = self._field(fields)
        if not address:
            raise MalformedRequest("an empty account")
        try:
            return mode.decode(), address.decode(), rest
        except UnicodeDecodeError:
            raise MalformedRequest("a name that is not UTF-8") from None

    def _field(self, fields: bytes) -> tuple[bytes, bytes]:
        """The first field, and all that follows the one space behind it."""
        if self.dialect is Dialect.HELPER and fields.startswith(b'"'):
            field, rest = unquote_first(fields)
            if not rest.startswith(b" "):
                raise MalformedRequest("a missing field")
            return field, rest[1:]
        field, space, rest = fields.partition(b" ")
        if not space:
            raise MalformedRequest("a missing field")
        return field, rest


def _secret(value: bytes) -> Secret:
    if _NEVER_IN_A_SECRET.search(value):
        raise MalformedRequest("a NUL, CR or LF")
    return Secret(value)


def render_request(request: Request, dialect: Dialect) -> bytes:
    """The line that says `request`, its LF included.

    Raises MalformedRequest where the dialect cannot say it, as a space in an account can not be in the classic one.
    """
    number = request.number
    if isinstance(request, InterfaceRequest):
        return b"%s INTF %d\n" % (number, request.version)
    if isinstance(request, QuitRequest):
        return b"%s QUIT\n" % number
    mode, account = _rendered_account(request, dialect)
    if isinstance(request, PasswordRequest):
        password = _rendered(request.password.reveal(), dialect, last=True)
        return b"%s VRFY %s%s %s\n" % (number, mode, account, password)
    response = _rendered(request.response.reveal(), dialect, last=False)
    challenge = _rendered(request.challenge.reveal(), dialect, last=True)
    return b"%s SASL(%s) %s%s %s %s\n" % (
        number,
        request.mechanism.encode(),
        mode,
        account,
        response,
        challenge,
    )


def _rendered_account(request: PasswordRequest | ResponseRequest, dialect: Dialect) -> tuple[bytes, bytes]:
    """The mode with what surrounds it, if there is one, and the account, that must not look like one."""
    account = _rendered(request.address.encode(), dialect, last=False)
    if request.mode:
        mode = f"({request.mode})".encode()
        if b" " in mode or _NEVER_IN_A_SECRET.search(mode):
            raise MalformedRequest("a mode that no dialect can carry")
        return mode + b" ", account
    if account.startswith(b"(") and account.endswith(b")"):
        if dialect is Dialect.CLASSIC:
            raise MalformedRequest("an account that looks like a mode")
        account = quote(account)
    return b"", account


def _rendered(field: bytes, dialect: Dialect, *, last: bool) -> bytes:
    """`field` as it stands in a line; only the last one may hold spaces as it is."""
    if dialect is Dialect.HELPER:
        plain = not field.startswith(b'"') and (last or b" " not in field) and not _NEVER_IN_A_SECRET.search(field)
        return field if plain and field else quote(field)
    if _NEVER_IN_A_SECRET.search(field) or (not last and b" " in field):
        raise MalformedRequest("a field that only the helper dialect can carry")
    return field

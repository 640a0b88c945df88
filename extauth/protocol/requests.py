"""What the server asks, as values, and the line that says each: docs/protocol.md, sections 1 to 3."""

from __future__ import annotations

import enum
from typing import ClassVar

import msgspec

from extauth.errors import MalformedRequest
from extauth.model import Secret
from extauth.protocol.quoting import NEVER_IN_A_LINE, quote


class Dialect(enum.Enum):
    """Which of the two dialects a line is in (section 1)."""

    CLASSIC = "classic"
    HELPER = "helper"


class VrfyRequest(msgspec.Struct, frozen=True):
    """`VRFY`: check a clear-text password."""

    command: ClassVar[str] = "VRFY"

    number: bytes
    address: str
    password: Secret
    mode: str = ""


class SaslRequest(msgspec.Struct, frozen=True):
    """`SASL(mechanism)`: check what a client answered to a challenge."""

    command: ClassVar[str] = "SASL"

    number: bytes
    mechanism: str
    address: str
    response: Secret
    challenge: Secret
    mode: str = ""


class NewRequest(msgspec.Struct, frozen=True):
    """`NEW`: the server has no such account; is there one? Only in the helper dialect."""

    command: ClassVar[str] = "NEW"

    number: bytes
    address: str
    mode: str = ""


class ReadPlainRequest(msgspec.Struct, frozen=True):
    """`READPLAIN`: what is the account's password? Only in the helper dialect."""

    command: ClassVar[str] = "READPLAIN"

    number: bytes
    address: str
    mode: str = ""


class IntfRequest(msgspec.Struct, frozen=True):
    """`INTF`: which version of the interface both sides speak; from the next line on the helper dialect."""

    number: bytes
    version: int


class QuitRequest(msgspec.Struct, frozen=True):
    """`QUIT`: as good as the end of standard input."""

    number: bytes


AddressedRequest = VrfyRequest | SaslRequest | NewRequest | ReadPlainRequest
ServerRequest = AddressedRequest | IntfRequest | QuitRequest


def render_request(request: ServerRequest, dialect: Dialect) -> bytes:
    """The line that says `request`, its LF included.

    Raises MalformedRequest where the dialect cannot say it, as a space in an account can not be in the classic one.
    """
    number = request.number
    if isinstance(request, IntfRequest):
        return b"%s INTF %d\n" % (number, request.version)
    if isinstance(request, QuitRequest):
        return b"%s QUIT\n" % number
    account = _rendered_account(request, dialect)
    if isinstance(request, VrfyRequest):
        return b"%s VRFY %s %s\n" % (number, account, _rendered(request.password.reveal(), dialect, last=True))
    if isinstance(request, SaslRequest):
        response = _rendered(request.response.reveal(), dialect, last=False)
        challenge = _rendered(request.challenge.reveal(), dialect, last=True)
        return b"%s SASL(%s) %s %s %s\n" % (number, request.mechanism.encode(), account, response, challenge)
    if dialect is Dialect.CLASSIC:
        raise MalformedRequest("a request that only the helper dialect can carry")
    return b"%s %s %s\n" % (number, request.command.encode(), account)


def _rendered_account(request: AddressedRequest, dialect: Dialect) -> bytes:
    """The mode, if there is one, and the account, that must not look like one."""
    try:
        address = request.address.encode()
    except UnicodeEncodeError:
        raise MalformedRequest("an account that is no text") from None
    account = _rendered(address, dialect, last=False)
    if request.mode:
        mode = f"({request.mode})".encode()
        if b" " in mode or NEVER_IN_A_LINE.search(mode):
            raise MalformedRequest("a mode that no dialect can carry")
        return mode + b" " + account
    if account.startswith(b"(") and account.endswith(b")"):
        if dialect is Dialect.CLASSIC:
            raise MalformedRequest("an account that looks like a mode")
        account = quote(account)
    return account


def _rendered(field: bytes, dialect: Dialect, *, last: bool) -> bytes:
    """`field` as it stands in a line; only the last one may hold spaces as it is."""
    if dialect is Dialect.HELPER:
        plain = not field.startswith(b'"') and (last or b" " not in field) and not NEVER_IN_A_LINE.search(field)
        return field if plain and field else quote(field)
    if NEVER_IN_A_LINE.search(field) or (not last and b" " in field):
        raise MalformedRequest("a field that only the helper dialect can carry")
    return field

"""The requests of the mail server, and how to write each as a line: docs/protocol.md, sections 1 to 3."""

from __future__ import annotations

import enum
from typing import ClassVar

import msgspec

from extauth.errors import MalformedRequest
from extauth.model import Secret
from extauth.protocol.quoting import NEVER_IN_A_LINE, quote


class Dialect(enum.Enum):
    """The two dialects of lines (section 1)."""

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
    """`SASL(mechanism)`: check the response of a client to a challenge."""

    command: ClassVar[str] = "SASL"

    number: bytes
    mechanism: str
    address: str
    response: Secret
    challenge: Secret
    mode: str = ""


class NewRequest(msgspec.Struct, frozen=True):
    """`NEW`: the mail server has no such account; does a backend have it? Only in the helper dialect."""

    command: ClassVar[str] = "NEW"

    number: bytes
    address: str
    mode: str = ""


class ReadPlainRequest(msgspec.Struct, frozen=True):
    """`READPLAIN`: return the clear-text password of the account. Only in the helper dialect."""

    command: ClassVar[str] = "READPLAIN"

    number: bytes
    address: str
    mode: str = ""


class IntfRequest(msgspec.Struct, frozen=True):
    """`INTF`: agree on an interface version. The next line is in the helper dialect."""

    number: bytes
    version: int


class QuitRequest(msgspec.Struct, frozen=True):
    """`QUIT`: end as if standard input had been closed."""

    number: bytes


AddressedRequest = VrfyRequest | SaslRequest | NewRequest | ReadPlainRequest
MailServerRequest = AddressedRequest | IntfRequest | QuitRequest


def render_request(request: MailServerRequest, dialect: Dialect) -> bytes:
    """Return the line of `request`, with its LF.

    Raises MalformedRequest if the dialect cannot hold it. For example, the classic one has no spaces in accounts.
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
        raise MalformedRequest("a request of the helper dialect")
    return b"%s %s %s\n" % (number, request.command.encode(), account)


def _rendered_account(request: AddressedRequest, dialect: Dialect) -> bytes:
    """Return the mode, if there is one, and the account. The account must not look like a mode."""
    try:
        address = request.address.encode()
    except UnicodeEncodeError:
        raise MalformedRequest("an account that is not text") from None
    account = _rendered(address, dialect, last=False)
    if request.mode:
        mode = f"({request.mode})".encode()
        if b" " in mode or NEVER_IN_A_LINE.search(mode):
            raise MalformedRequest("a mode that fits no dialect")
        return mode + b" " + account
    if account.startswith(b"(") and account.endswith(b")"):
        if dialect is Dialect.CLASSIC:
            raise MalformedRequest("an account that looks like a mode")
        account = quote(account)
    return account


def _rendered(field: bytes, dialect: Dialect, *, last: bool) -> bytes:
    """Return `field` as it stands in a line. Only the last field can hold spaces without quotes."""
    if dialect is Dialect.HELPER:
        plain = not field.startswith(b'"') and (last or b" " not in field) and not NEVER_IN_A_LINE.search(field)
        return field if plain and field else quote(field)
    if NEVER_IN_A_LINE.search(field) or (not last and b" " in field):
        raise MalformedRequest("a field that fits only the helper dialect")
    return field

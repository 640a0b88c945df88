"""Private parts of ldap3. No other file uses any.

test_ldap3_private.py fails if a new version changes them.

extauth opens the sockets itself, so that every call keeps its deadline. It also encodes the requests itself (RFC 4511,
section 4): ldap3 would first make objects of all elements, and that takes longer than the rest of a login.
ldap3 reads the responses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ldap3
from ldap3.operation.search import compile_filter, parse_filter
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]  # missing in the type stubs

from extauth.backends.ldap.connect import BoundedSocket
from extauth.backends.ldap.engine import MOST_ENTRIES, POLICY_CONTROL, Scope

ResponseReader = Callable[[int], tuple[list[dict[str, Any]], dict[str, Any]]]
"""Waits for the response to a request with this number. Returns its last message, after a list of the others."""

_SCOPES: dict[Scope, int] = {"base": 0, "one": 1, "subtree": 2}
_REQUEST = {"dereferenceAlias": ldap3.DEREF_NEVER}  # ldap3 needs it to ask for the rest of a value sent as a range


def connection_on(sock: BoundedSocket) -> ldap3.Connection:
    """Return an ldap3 connection that uses this open socket."""
    connection = ldap3.Connection(
        ldap3.Server("localhost", get_info=ldap3.NONE),  # ldap3 never connects to it: it gets an open socket
        client_strategy=ldap3.SAFE_SYNC,
        auto_referrals=False,
        check_names=False,
        return_empty_attributes=False,
    )
    connection.socket, connection.closed = sock, False
    connection.strategy._outstanding = {}
    connection.strategy._start_listen()
    return connection


def response_reader(connection: ldap3.Connection) -> ResponseReader:
    """Return the function that reads the responses on this connection."""
    reader: ResponseReader = connection.strategy.get_response
    return reader


def next_request_number(connection: ldap3.Connection) -> int:
    """Return the number of a request that extauth sends. ldap3 will accept the response to it."""
    number: int = connection.server.next_message_id()
    connection.strategy._outstanding[number] = _REQUEST
    return number


def encode_filter(filter: str) -> bytes:
    """Return the encoded filter. Raises LDAPInvalidFilterError."""
    parsed = parse_filter(  # type: ignore[no-untyped-call]
        filter, None, auto_escape=True, auto_encode=True, validator=None, check_names=False
    )
    encoded: bytes = encode(compile_filter(parsed.elements[0]))  # type: ignore[no-untyped-call]
    return encoded


def encode_bind(number: int, dn: str, password: bytes) -> bytes:
    """Return an encoded simple bind that asks for the password policy control."""
    return _message(number, 0x60, _VERSION_3 + _octets(dn.encode()) + _element(0x80, password), _ASK_FOR_POLICY)


def encode_search(number: int, base: str, scope: Scope, filter: bytes, attributes: tuple[str, ...]) -> bytes:
    """Return an encoded search for at most MOST_ENTRIES entries. It follows no aliases. `filter` is encoded."""
    wanted = b"".join(_octets(attribute.encode()) for attribute in attributes or ("1.1",))  # section 4.5.1.8
    where = _octets(base.encode()) + _element(0x0A, bytes([_SCOPES[scope]])) + _NO_ALIASES
    return _message(number, 0x63, where + _LIMITS + filter + _element(0x30, wanted))


def _message(number: int, tag: int, operation: bytes, controls: bytes = b"") -> bytes:
    return _element(0x30, _integer(number) + _element(tag, operation) + controls)


def _element(tag: int, content: bytes) -> bytes:
    """Return a BER element: tag, length, content (X.690, section 8.1)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    long_size = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(long_size))) + long_size + content


def _octets(value: bytes) -> bytes:
    return _element(0x04, value)


def _integer(value: int) -> bytes:
    """Encode a number that is not negative. The first bit is the sign."""
    return _element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


_VERSION_3 = _integer(3)
_NO_ALIASES = _element(0x0A, b"\0")
_LIMITS = _integer(MOST_ENTRIES) + _integer(0) + _element(0x01, b"\0")  # no time limit; types and values
_ASK_FOR_POLICY = _element(0xA0, _element(0x30, _octets(POLICY_CONTROL.encode())))

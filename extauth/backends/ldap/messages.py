"""LDAP messages (RFC 4511, section 4): requests to bytes, and bytes to results and entries."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from extauth.backends.ldap.ber import (
    ENUMERATED,
    OCTETS,
    SEQUENCE,
    SET,
    Element,
    InvalidResponse,
    element,
    integer,
    octets,
    read_elements,
    read_number,
    read_octets,
    read_sequence,
)
from extauth.backends.ldap.ldap3_reader import reads_accepted_bind

Scope = Literal["subtree", "one", "base"]

POLICY_CONTROL = "1.3.6.1.4.1.42.2.27.8.5.1"
"""The password policy control (draft-behera-ldap-password-policy, section 6)."""

MOST_ENTRIES = 2
"""The size limit of a search. An account has one entry, so that two are enough to see an ambiguous filter."""

BIND_RESPONSE, SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE, EXTENDED_RESPONSE = 0x61, 0x64, 0x65, 0x73, 0x78
"""Kinds of responses: the tag of the operation."""

SEARCH_REQUEST = 0x63
"""The tag of a search."""

_RESULTS = (bytes((BIND_RESPONSE,)), bytes((SEARCH_DONE,)))
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_CONTROLS = 0xA0
_AFTER_TEXT = (0xA3, 0x87, 0x8A, 0x8B)  # referral, serverSaslCreds, responseName, responseValue
_NOTHING: Element = (0, 0, 0)
_LONGEST_KEPT = 64  # bytes
_FOUR_BYTES = b"\x02\x04"  # the header of a number of four bytes


class LdapEntry(msgspec.Struct, frozen=True):
    """An entry that a search found. Attribute names are in lower case. `dn` is empty if the name is not UTF-8."""

    dn: str
    attributes: dict[str, list[bytes]]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of an attribute. What is not UTF-8 in them is replaced. `name`: in any case."""
        return tuple(value.decode(errors="replace") for value in self.attributes.get(name.lower(), ()))

    def __repr__(self) -> str:  # the values may be passwords
        return f"LdapEntry({self.dn!r})"


class LdapResult(msgspec.Struct, frozen=True):
    """The response to a request.

    `code` is the result code (RFC 4511, section 4.1.9), `message` the server's text, `policy` the value of the
    password policy control, `entries` the entries found.
    """

    code: int
    message: str = ""
    policy: bytes | None = None
    entries: tuple[LdapEntry, ...] = ()


Content = LdapResult | LdapEntry | None
"""What a message says; None if extauth does not use it."""


def encode_request(number: int, tag: int, operation: bytes, controls: bytes = b"") -> bytes:
    """Encode a request with this tag and encoded content."""
    return element(SEQUENCE, integer(number) + element(tag, operation) + controls)


def encode_bind(number: int, dn: str, password: bytes) -> bytes:
    """Encode a simple bind that asks for the password policy control."""
    return encode_request(number, 0x60, _VERSION_3 + octets(dn.encode()) + element(0x80, password), _ASK_FOR_POLICY)


def encode_attributes(names: Iterable[str]) -> bytes:
    """Encode the attributes that a search returns; none without names."""
    return element(SEQUENCE, b"".join([octets(name.encode()) for name in names]) or octets(b"1.1"))  # section 4.5.1.8


def encode_search(base: str, scope: Scope, filter: bytes, attributes: bytes) -> bytes:
    """Encode a search for at most MOST_ENTRIES entries. It follows no aliases. `filter`, `attributes`: encoded."""
    return b"".join((encode_base(base, scope), filter, attributes))


def encode_base(base: str, scope: Scope) -> bytes:
    """Encode where a search begins, and its limits: the part of it before the filter and the attributes."""
    return octets(base.encode()) + _SCOPES[scope] + _LIMITS


def encode_start_tls(number: int) -> bytes:
    """Encode the request to begin TLS (section 4.14)."""
    return encode_request(number, 0x77, element(0x80, _START_TLS))


def decode_message(data: bytes) -> tuple[int, int, Content]:
    """Return the number of the request that a message responds to, its kind, and its content.

    `data` is one whole message. Raises InvalidResponse. Most results differ only in the number, and are read once.
    """
    if data[2:4] == _FOUR_BYTES and data[8:9] in _RESULTS and len(data) <= _LONGEST_KEPT and data[4] < 0x80:
        _, kind, content = _decode_kept(data[:4] + b"\0\0\0\1" + data[8:])
        return int.from_bytes(data[4:8], "big"), kind, content
    return _decode(data)


def _decode(data: bytes) -> tuple[int, int, Content]:
    message, *more = read_elements(data, 0, len(data)) or [_NOTHING]
    number, operation, *controls = read_sequence(data, message, 2)
    id = read_number(data, number)
    if more or id < 0 or len(controls) > 1:
        raise InvalidResponse("an invalid message number, or an element after the message")
    kind, _, _ = operation
    if kind == SEARCH_ENTRY:
        return id, kind, _entry(data, operation)
    if kind not in (BIND_RESPONSE, SEARCH_DONE, EXTENDED_RESPONSE):
        return id, kind, None
    result = _result(data, operation, _policy(data, controls[0]) if controls else None)
    if kind == BIND_RESPONSE and result.code == 0 and not reads_accepted_bind(data, id):
        raise InvalidResponse("an accepted bind that ldap3 does not read as one")
    return id, kind, result


_decode_kept = lru_cache(maxsize=128)(_decode)


def _result(data: bytes, operation: Element, policy: bytes | None) -> LdapResult:
    code, matched, text, *more = read_sequence(data, operation, 3, operation[0])
    read_octets(data, matched)
    for tag, _, _ in more:
        if tag not in _AFTER_TEXT:
            raise InvalidResponse("an unknown element after a result")
    message = read_octets(data, text).decode(errors="replace")
    return LdapResult(read_number(data, code, ENUMERATED), message, policy)


def _entry(data: bytes, operation: Element) -> LdapEntry:
    name, attributes, *more = read_sequence(data, operation, 2, SEARCH_ENTRY)
    if more:
        raise InvalidResponse("an unknown element after an entry")
    try:
        dn = read_octets(data, name).decode()
    except UnicodeDecodeError:
        dn = ""
    found = {}
    for attribute in read_sequence(data, attributes, 0):
        kind, values, *_ = read_sequence(data, attribute, 2)
        found[read_octets(data, kind).decode(errors="replace").lower()] = [
            read_octets(data, value) for value in read_sequence(data, values, 0, SET)
        ]
    return LdapEntry(dn, found)


def _policy(data: bytes, controls: Element) -> bytes | None:
    """Return the value of the password policy control, if there is one among the controls."""
    policy = None
    for control in read_sequence(data, controls, 0, _CONTROLS):
        name, *more = read_sequence(data, control, 1)
        if read_octets(data, name) == _POLICY_NAME and more and more[-1][0] == OCTETS:
            policy = read_octets(data, more[-1])
    return policy


_VERSION_3 = integer(3)
_SCOPES: dict[Scope, bytes] = {
    "base": element(ENUMERATED, b"\0"),
    "one": element(ENUMERATED, b"\1"),
    "subtree": element(ENUMERATED, b"\2"),
}
_NO_ALIASES = element(ENUMERATED, b"\0")
_LIMITS = _NO_ALIASES + integer(MOST_ENTRIES) + integer(0) + element(0x01, b"\0")  # no time limit; types and values
_POLICY_NAME = POLICY_CONTROL.encode()
_ASK_FOR_POLICY = element(_CONTROLS, element(SEQUENCE, octets(_POLICY_NAME)))

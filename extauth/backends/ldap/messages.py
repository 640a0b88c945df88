"""LDAP messages (RFC 4511, section 4): requests to bytes, and bytes to results and entries."""

from __future__ import annotations

from typing import Literal

import msgspec

from extauth.backends.ldap.ber import (
    ENUMERATED,
    INTEGER,
    OCTETS,
    SEQUENCE,
    SET,
    InvalidResponse,
    element,
    integer,
    octets,
    read_content,
    read_element,
    read_elements,
    read_number,
)

Scope = Literal["subtree", "one", "base"]

POLICY_CONTROL = "1.3.6.1.4.1.42.2.27.8.5.1"
"""The password policy control (draft-behera-ldap-password-policy, section 6)."""

MOST_ENTRIES = 2
"""The size limit of a search. An account has one entry, so that two are enough to see an ambiguous filter."""

BIND_RESPONSE, SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE, EXTENDED_RESPONSE = 0x61, 0x64, 0x65, 0x73, 0x78
"""Kinds of messages: the tag of the operation."""

_SCOPES: dict[Scope, int] = {"base": 0, "one": 1, "subtree": 2}
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_CONTROLS = 0xA0
_AFTER_TEXT = (0xA3, 0x87, 0x8A, 0x8B)  # referral, serverSaslCreds, responseName, responseValue
_MAX_NUMBER = 2**31 - 1


class LdapEntry(msgspec.Struct, frozen=True):
    """An entry that a search found. Attribute names are in lower case. `dn` is empty if the name is not UTF-8."""

    dn: str
    attributes: dict[str, list[bytes]]

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


def encode_bind(number: int, dn: str, password: bytes) -> bytes:
    """Encode a simple bind that asks for the password policy control."""
    return _message(number, 0x60, _VERSION_3 + octets(dn.encode()) + element(0x80, password), _ASK_FOR_POLICY)


def encode_search(number: int, base: str, scope: Scope, filter: bytes, attributes: tuple[str, ...]) -> bytes:
    """Encode a search for at most MOST_ENTRIES entries. It follows no aliases. `filter` is encoded."""
    wanted = b"".join(octets(attribute.encode()) for attribute in attributes or ("1.1",))  # section 4.5.1.8
    where = octets(base.encode()) + element(ENUMERATED, bytes([_SCOPES[scope]])) + _NO_ALIASES
    return _message(number, 0x63, where + _LIMITS + filter + element(SEQUENCE, wanted))


def encode_start_tls(number: int) -> bytes:
    """Encode the request to begin TLS (section 4.14)."""
    return _message(number, 0x77, element(0x80, _START_TLS))


def decode_message(data: bytes) -> tuple[int, int, Content]:
    """Return the number of the request that a message responds to, its kind, and its content.

    `data` is one whole message. Raises InvalidResponse.
    """
    start, end = read_content(data, 0, len(data), SEQUENCE)
    content, stop = read_content(data, start, end, INTEGER)
    number = read_number(data, content, stop)
    kind, content, stop = read_element(data, stop, end)
    if end != len(data) or not 0 <= number <= _MAX_NUMBER:
        raise InvalidResponse("an invalid message number")
    policy = None if stop == end else _policy(data, stop, end)
    if kind == SEARCH_ENTRY:
        return number, kind, _entry(data, content, stop)
    if kind in (BIND_RESPONSE, SEARCH_DONE, EXTENDED_RESPONSE):
        return number, kind, _result(data, content, stop, policy)
    return number, kind, None


def _result(data: bytes, start: int, end: int, policy: bytes | None) -> LdapResult:
    content, stop = read_content(data, start, end, ENUMERATED)
    code = read_number(data, content, stop)
    _, stop = read_content(data, stop, end, OCTETS)  # matchedDN
    content, stop = read_content(data, stop, end, OCTETS)
    if stop != end and any(tag not in _AFTER_TEXT for tag, _, _ in read_elements(data, stop, end)):
        raise InvalidResponse("an unknown element after a result")
    return LdapResult(code, data[content:stop].decode(errors="replace") if content != stop else "", policy)


def _entry(data: bytes, start: int, end: int) -> LdapEntry:
    content, stop = read_content(data, start, end, OCTETS)
    try:
        dn = data[content:stop].decode()
    except UnicodeDecodeError:
        dn = ""
    attributes = {}
    start, stop = read_content(data, stop, end, SEQUENCE)
    if stop != end:
        raise InvalidResponse("an unknown element after an entry")
    while start < end:
        content, start = read_content(data, start, end, SEQUENCE)
        content, stop = read_content(data, content, start, OCTETS)
        name = data[content:stop].decode(errors="replace").lower()
        content, stop = read_content(data, stop, start, SET)
        attributes[name] = [data[first:last] for _, first, last in read_elements(data, content, stop)]
    return LdapEntry(dn, attributes)


def _policy(data: bytes, start: int, end: int) -> bytes | None:
    """Return the value of the password policy control, if there is one among the controls."""
    content, stop = read_content(data, start, end, _CONTROLS)
    if stop != end:
        raise InvalidResponse("an unknown element after the controls")
    policy = None
    for _, first, last in read_elements(data, content, stop):
        (tag, at, until), *more = read_elements(data, first, last) or [(0, first, last)]
        if tag != OCTETS:
            raise InvalidResponse("a control without a name")
        if data[at:until] == _POLICY_NAME and more and more[-1][0] == OCTETS:
            policy = data[more[-1][1] : more[-1][2]]
    return policy


def _message(number: int, tag: int, operation: bytes, controls: bytes = b"") -> bytes:
    return element(SEQUENCE, integer(number) + element(tag, operation) + controls)


_VERSION_3 = integer(3)
_NO_ALIASES = element(ENUMERATED, b"\0")
_LIMITS = integer(MOST_ENTRIES) + integer(0) + element(0x01, b"\0")  # no time limit; types and values
_POLICY_NAME = POLICY_CONTROL.encode()
_ASK_FOR_POLICY = element(_CONTROLS, element(SEQUENCE, octets(_POLICY_NAME)))

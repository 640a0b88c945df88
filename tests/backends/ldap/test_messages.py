"""LDAP messages: extauth encodes requests as ldap3 does, reads the same responses, and refuses all others."""

from __future__ import annotations

from typing import Any

import ldap3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.bind import bind_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc4511 import Controls, LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import decode_message_fast, encode  # type: ignore[attr-defined]  # missing in the type stubs

from extauth.backends.ldap.ber import MAX_MESSAGE, InvalidResponse, message_size
from extauth.backends.ldap.messages import (
    POLICY_CONTROL,
    SEARCH_REQUEST,
    LdapEntry,
    LdapResult,
    Scope,
    decode_message,
    encode_attributes,
    encode_bind,
    encode_request,
    encode_search,
)
from tests.backends.ldap.ldap_servers import BIND_RESPONSE, SEARCH_DONE, element, notice, result

NUMBERS = (1, 127, 128, 255, 256, 32767, 32768, 2**31 - 1)
NAMES = ("", "uid=ann,dc=example", f"uid={'a' * 100},{'dc=x,' * 5}dc=example", f"uid={'ü' * 40000},dc=example")
FILTER = b"\xa3\x0a\x04\x03uid\x04\x03ann"
SCOPES: dict[Scope, str] = {"subtree": "SUBTREE", "one": "LEVEL", "base": "BASE"}
ENTRY = element(
    0x64,
    element(0x04, b"cn=a") + element(0x30, element(0x30, b"\x04\x04Mail" + element(0x31, b"\x04\x01\xfe\x04\x00"))),
)
POLICY = element(0xA0, element(0x30, element(0x04, POLICY_CONTROL.encode()) + element(0x04, b"\x30\x00")))
NUMBER = b"\x02\x01\x07"
OK = result(BIND_RESPONSE, 0)


def message(*parts: bytes) -> bytes:
    return element(0x30, b"".join(parts))


VALID: list[tuple[bytes, tuple[int, int, object]]] = [
    (message(NUMBER, OK), (7, 0x61, LdapResult(0))),
    (message(b"\x02\x04\x7f\xff\xff\xff", OK), (2**31 - 1, 0x61, LdapResult(0))),
    (message(NUMBER, result(BIND_RESPONSE, 49, "text"), POLICY), (7, 0x61, LdapResult(49, "text", b"\x30\x00"))),
    (message(NUMBER, result(SEARCH_DONE, 10, "", b"\xa3\x02\x04\x00")), (7, 0x65, LdapResult(10))),
    (message(NUMBER, ENTRY), (7, 0x64, LdapEntry("cn=a", {"mail": [b"\xfe", b""]}))),
    (message(NUMBER, element(0x64, b"\x04\x01\xff\x30\x00")), (7, 0x64, LdapEntry("", {}))),
    (message(NUMBER, element(0x73, b"\x04\x01x")), (7, 0x73, None)),
    (notice(52), (0, 0x78, LdapResult(52, "bye"))),
    (b"\x30\x84\0\0\0\x10\x02\x01\x07\x61\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0", (7, 0x61, LdapResult(0))),
]
"""Messages and their meaning. The last one has long lengths, as from Active Directory."""

INVALID = [
    message(NUMBER, element(0x61, b"\x0a\x00\x04\x00\x04\x00")),  # an empty result code
    message(b"\x02\x00", OK),
    message(b"\x02\x05\x00\x00\x00\x00\x07", OK),
    message(b"\x02\x01\xff", OK),
    message(NUMBER),
    message(NUMBER, b"\x61\x08\x0a\x01\x00\x04\x00\x04\x00"),  # longer than the message
    message(NUMBER, element(0x61, b"\x0a\x01\x00\x04\x00\x04\x05")),  # a text that ends too late
    message(NUMBER, element(0x61, b"\x0a\x01\x00\x04\x00")),
    message(NUMBER, element(0x61, b"\x02\x01\x00\x04\x00\x04\x00")),  # a number instead of a result code
    message(NUMBER, element(0x61, b"\x0a\x01\x00\x04\x00\x04\x00\x0a\x01\x31")),  # two result codes
    message(NUMBER, OK, b"\x04\x00"),
    message(NUMBER, OK, b"\xa0\x00", b"\xa0\x00"),
    message(NUMBER, OK, b"\xa0\x02\x30\x00"),
    message(NUMBER, element(0x61, b"")),
    message(NUMBER, element(0x64, b"\x04\x00\x30\x02\x30\x00")),
    message(NUMBER, b"\x61\x80\x0a\x01\x00\x04\x00\x04\x00\x00\x00"),  # an indefinite length
]


@pytest.mark.parametrize(("data", "expected"), VALID)
def test_valid_message_is_read(data: bytes, expected: tuple[int, int, object]) -> None:
    assert message_size(data, 0) == len(data)
    assert decode_message(data) == expected


@pytest.mark.parametrize("data", INVALID)
def test_invalid_message_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidResponse):
        decode_message(data)


@pytest.mark.parametrize("data", [data for data, _ in VALID])
def test_every_message_that_is_cut_off_is_refused(data: bytes) -> None:
    for size in range(len(data)):
        with pytest.raises(InvalidResponse):
            decode_message(data[:size])


@given(st.sampled_from([data for data, _ in VALID]), st.integers(0, 60), st.integers(0, 255))
def test_changed_message_has_the_same_meaning_as_in_ldap3(data: bytes, place: int, byte: int) -> None:
    changed = data[: place % len(data)] + bytes([byte]) + data[place % len(data) + 1 :]
    try:
        number, kind, content = decode_message(changed)
    except InvalidResponse:
        return
    if not isinstance(content, LdapResult):
        return
    try:
        theirs = decode_message_fast(changed)  # type: ignore[no-untyped-call]
    except (LookupError, TypeError):
        return  # ldap3 reads parts that extauth does not use
    assert (theirs["messageID"], 0x60 + theirs["protocolOp"]) == (number, kind)
    assert theirs["payload"][0][3] == content.code


@pytest.mark.parametrize(
    "start", [b"\x30\x84\x40\x00\x00\x00", b"\x30\x83\x10\x00\x00", b"\x30\x85\0\0\0\0\1", b"\x30\x80", b"HTTP"]
)
def test_size_of_a_message_is_limited(start: bytes) -> None:
    with pytest.raises(InvalidResponse):
        message_size(start, 0)


def test_size_is_known_when_the_header_has_come() -> None:
    data = element(0x30, b"x" * 300)
    assert [message_size(data[:size], 0) for size in range(6)] == [0, 0, 0, 0, 304, 304]
    assert message_size(b"\x30\x83" + (MAX_MESSAGE - 5).to_bytes(3, "big"), 0) == MAX_MESSAGE


def encoded(number: int, kind: str, request: Any, controls: Any = None) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, request)
    if controls is not None:
        message["controls"] = controls
    return bytes(encode(message))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("dn", NAMES)
def test_bind_is_encoded_as_by_ldap3(number: int, dn: str) -> None:
    controls = Controls()
    controls[0] = build_control(POLICY_CONTROL, False, None)
    request = bind_operation(3, "SIMPLE", "a name", "open sesame")
    request["name"] = dn  # ldap3 refuses an empty name above
    assert encode_bind(number, dn, b"open sesame") == encoded(number, "bindRequest", request, controls)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("base", NAMES)
@pytest.mark.parametrize("attributes", [(), ("memberOf",), ("userPassword", "pwdReset", "x" * 200)])
def test_search_is_encoded_as_by_ldap3(base: str, scope: Scope, attributes: tuple[str, ...]) -> None:
    request = search_operation(
        base, "(uid=ann)", SCOPES[scope], ldap3.DEREF_NEVER, list(attributes) or ["1.1"], 2, 0, False, True, True
    )
    search = encode_search(base, scope, FILTER, encode_attributes(attributes))
    assert encode_request(7, SEARCH_REQUEST, search) == encoded(7, "searchRequest", request)

"""The requests that are put together from bytes are those that ldap3 makes of objects."""

from __future__ import annotations

from typing import Any

import ldap3
import pytest
from ldap3.operation.bind import bind_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc4511 import Controls, LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]

from extauth.backends.ldap.engine import POLICY_CONTROL, Scope
from extauth.backends.ldap.ldap3_private import bind_request, search_request

NUMBERS = (1, 127, 128, 255, 256, 32767, 32768, 2**31 - 1)
NAMES = ("", "uid=ann,dc=example", f"uid={'a' * 100},{'dc=x,' * 5}dc=example", f"uid={'ü' * 40000},dc=example")
FILTER = b"\xa3\x0a\x04\x03uid\x04\x03ann"
SCOPES: dict[Scope, str] = {"subtree": "SUBTREE", "one": "LEVEL", "base": "BASE"}


def encoded(number: int, kind: str, request: Any, controls: Any = None) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, request)
    if controls is not None:
        message["controls"] = controls
    return bytes(encode(message))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("dn", NAMES)
def test_a_bind_is_the_one_of_ldap3(number: int, dn: str) -> None:
    controls = Controls()
    controls[0] = build_control(POLICY_CONTROL, False, None)
    request = bind_operation(3, "SIMPLE", "somebody", "open sesame")
    request["name"] = dn  # nobody, too
    assert bind_request(number, dn, b"open sesame") == encoded(number, "bindRequest", request, controls)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("base", NAMES)
@pytest.mark.parametrize("attributes", [(), ("memberOf",), ("userPassword", "pwdReset", "x" * 200)])
def test_a_search_is_the_one_of_ldap3(base: str, scope: Scope, attributes: tuple[str, ...]) -> None:
    request = search_operation(
        base, "(uid=ann)", SCOPES[scope], ldap3.DEREF_NEVER, list(attributes) or ["1.1"], 2, 0, False, True, True
    )
    assert search_request(7, base, scope, FILTER, attributes) == encoded(7, "searchRequest", request)

"""ldap3 still has the private parts that extauth uses, and encodes requests as extauth does."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import LDAPInvalidFilterError, LDAPResponseTimeoutError, LDAPSessionTerminatedByServerError
from ldap3.operation import search as search_module
from ldap3.operation.bind import bind_operation
from ldap3.operation.search import search_operation
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc4511 import Controls, LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]

from extauth.backends.ldap.connect import BoundedSocket
from extauth.backends.ldap.engine import POLICY_CONTROL, Deadline, Scope
from extauth.backends.ldap.ldap3_private import (
    connection_on,
    encode_bind,
    encode_filter,
    encode_search,
    next_request_number,
    response_reader,
)
from tests.backends.ldap.ldap_servers import BIND_RESPONSE, SEARCH_DONE, Responder, element, notice, result

NUMBERS = (1, 127, 128, 255, 256, 32767, 32768, 2**31 - 1)
NAMES = ("", "uid=ann,dc=example", f"uid={'a' * 100},{'dc=x,' * 5}dc=example", f"uid={'ü' * 40000},dc=example")
FILTER = b"\xa3\x0a\x04\x03uid\x04\x03ann"
SCOPES: dict[Scope, str] = {"subtree": "SUBTREE", "one": "LEVEL", "base": "BASE"}
ENTRY = element(
    0x64, element(0x04, b"cn=\xff") + element(0x30, element(0x30, b"\x04\x04Mail" + element(0x31, b"\x04\x01\xfe")))
)
POLICY = element(0xA0, element(0x30, element(0x04, POLICY_CONTROL.encode()) + element(0x04, b"\x30\x00")))

Ask = Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]]


def changed(what: str, where: str) -> str:
    """Return the message for a private part that is not as expected."""
    return (
        f"ldap3 {version('ldap3')}: {what} has changed. Compare {where} with version 2.9.1, adapt "
        "extauth/backends/ldap/ldap3_private.py, then raise the bound in setup.cfg"
    )


@pytest.fixture
def unconnected() -> ldap3.Connection:
    return ldap3.Connection(ldap3.Server("localhost", get_info=ldap3.NONE), client_strategy=ldap3.SAFE_SYNC)


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Return a function that sends a request and reads the response, which are these messages."""
    responses: list[bytes] = []
    server = Responder(lambda *_: responses)
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        bounded = BoundedSocket(sock, Deadline(20))
        connection = connection_on(bounded)

        def ask(*messages: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
            responses[:] = messages
            number = next_request_number(connection)
            bounded.sendall(encode_bind(number, "cn=a", b"pw"))
            return response_reader(connection)(number)

        yield ask
    server.close()


def test_connection_has_the_attributes_that_extauth_sets(unconnected: ldap3.Connection) -> None:
    where = "ldap3/core/connection.py"
    for name in ("socket", "closed", "listening", "server", "strategy"):
        assert hasattr(unconnected, name), changed(f"connection.{name}", where)
    assert unconnected.socket is None, changed("connection.socket", where)
    assert unconnected.closed is True, changed("connection.closed", where)
    assert unconnected.listening is False, changed("connection.listening", where)
    first, second = unconnected.server.next_message_id(), unconnected.server.next_message_id()
    assert isinstance(first, int), changed("server.next_message_id", "ldap3/core/server.py")
    assert second == first + 1, changed("server.next_message_id", "ldap3/core/server.py")


def test_strategy_has_the_private_attributes(unconnected: ldap3.Connection) -> None:
    where = "ldap3/strategy/base.py and sync.py"
    strategy = unconnected.strategy
    for name in ("_outstanding", "_start_listen", "get_response"):
        assert hasattr(strategy, name), changed(f"strategy.{name}", where)
    assert strategy._outstanding is None, changed("strategy._outstanding", where)
    assert not inspect.signature(strategy._start_listen).parameters, changed("strategy._start_listen", where)
    parameters = inspect.signature(strategy.get_response).parameters
    assert list(parameters) == ["message_id", "timeout", "get_request"], changed("strategy.get_response", where)
    assert parameters["get_request"].default is False, changed("strategy.get_response", where)
    unconnected.closed = False
    strategy._start_listen()
    assert unconnected.listening is True, changed("strategy._start_listen", where)


def test_filter_functions_have_the_same_parameters() -> None:
    where = "ldap3/operation/search.py"
    parameters = ["search_filter", "schema", "auto_escape", "auto_encode", "validator", "check_names"]
    parse_filter = inspect.signature(search_module.parse_filter)
    assert list(parse_filter.parameters) == parameters, changed("parse_filter", where)
    compile_filter = inspect.signature(search_module.compile_filter)
    assert list(compile_filter.parameters) == ["filter_node"], changed("compile_filter", where)


def test_filter_is_encoded() -> None:
    where = "ldap3/operation/search.py and ldap3/utils/asn1.py"
    assert encode_filter("(uid=ann)") == FILTER, changed("parse_filter, compile_filter or encode", where)
    assert encode_filter(r"(uid=\61nn)") == FILTER, changed("parse_filter", where)
    with pytest.raises(LDAPInvalidFilterError):
        encode_filter("(&uid=a)")


def test_bind_response_has_the_expected_content(ask: Ask) -> None:
    where = "ldap3/strategy/sync.py and ldap3/operation/bind.py"
    messages, last = ask(result(BIND_RESPONSE, 49, "text") + POLICY)
    assert messages == [], changed("the messages before the last one", where)
    assert (last["type"], last["result"], last["message"]) == ("bindResponse", 49, "text"), changed("the dict", where)
    assert last["controls"][POLICY_CONTROL]["value"] == b"\x30\x00", changed("the dict of controls", where)


def test_search_response_has_the_expected_content(ask: Ask) -> None:
    where = "ldap3/strategy/base.py and ldap3/operation/search.py"
    messages, last = ask(ENTRY, result(SEARCH_DONE, 4))
    assert (last["type"], last["result"]) == ("searchResDone", 4), changed("the dict of a result", where)
    assert [each["type"] for each in messages] == ["searchResEntry"], changed("the messages before the last", where)
    assert bytes(messages[0]["raw_dn"]) == b"cn=\xff", changed("raw_dn", where)
    attributes = {name: list(values) for name, values in messages[0]["raw_attributes"].items()}
    assert attributes == {"Mail": [b"\xfe"]}, changed("raw_attributes", where)


def test_notice_of_disconnection_is_no_response(ask: Ask) -> None:
    with pytest.raises(LDAPSessionTerminatedByServerError):
        ask(notice(0))


def test_only_registered_requests_are_read() -> None:
    one, other = socket.socketpair()
    with one, other:
        connection = connection_on(BoundedSocket(one, Deadline(20)))
        strategy = connection.strategy
        number = next_request_number(connection)
        assert list(strategy._outstanding) == [number], changed("strategy._outstanding", "ldap3/strategy/base.py")
        other.sendall(element(0x30, element(0x02, bytes([number])) + result(BIND_RESPONSE, 0)))
        assert response_reader(connection)(number)[1]["result"] == 0
        assert not strategy._outstanding, changed(
            "get_response no longer removes the request", "ldap3/strategy/base.py"
        )
        with pytest.raises(LDAPResponseTimeoutError):
            response_reader(connection)(number)


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
    assert encode_search(7, base, scope, FILTER, attributes) == encoded(7, "searchRequest", request)

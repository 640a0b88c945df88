"""python-ldap still has the private parts that extauth uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version

import ldap
import pytest

from extauth.backends.ldap.engine import POLICY_CONTROL, LdapEntry, LdapResult, ServerUnavailable
from extauth.backends.ldap.python_ldap_private import (
    LibldapConnection,
    error_details,
    error_reason,
    libldap_connection,
    next_message,
)
from tests.backends.ldap.ldap_servers import (
    BIND,
    BIND_RESPONSE,
    SEARCH,
    SEARCH_DONE,
    Responder,
    element,
    found,
    notice,
    result,
)
from tests.backends.ldap.slapd import free_port
from tests.helper import PATIENCE

ENTRY = element(0x64, b"\x04\x04cn=a" + element(0x30, element(0x30, b"\x04\x04Mail" + element(0x31, b"\x04\x01\xfe"))))
REFERENCE = element(0x73, element(0x04, b"ldap://127.0.0.1:9/"))
POLICY = element(0xA0, element(0x30, element(0x04, POLICY_CONTROL.encode()) + element(0x04, b"\x30\x00")))

Serve = Callable[..., LibldapConnection]


def changed(what: str, where: str) -> str:
    """Return the message for a private part that is not as expected."""
    return (
        f"python-ldap {version('python-ldap')}: {what} has changed. Compare {where} with version 3.4.8, adapt "
        "extauth/backends/ldap/python_ldap_private.py, then raise the bound in setup.cfg"
    )


class Recorder:
    """Stands for the object of `_ldap`, and records the arguments of all calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., tuple[None, ...]]:
        def record(*arguments: object) -> tuple[None, ...]:
            self.calls.append((name, *arguments))
            return (None, None, None, None)

        return record


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that connects to a server which sends these messages in response to each request."""
    servers: list[Responder] = []

    def serve(*responses: bytes) -> LibldapConnection:
        def respond(tag: int, _: bytes) -> list[bytes]:
            return list(responses) if tag in (BIND, SEARCH) else []

        servers.append(Responder(respond))
        connection = ldap.initialize(servers[-1].url)
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
        return libldap_connection(connection)

    yield serve
    for server in servers:
        server.close()


def search(connection: LibldapConnection) -> int:
    return connection.search_ext("dc=x", ldap.SCOPE_BASE, "(a=b)", ["1.1"], 0, None, None, -1, 2)


def test_wrapper_passes_the_same_arguments() -> None:
    connection = ldap.initialize("ldap://127.0.0.1")
    recorder = connection._l = Recorder()
    connection.simple_bind("cn=a", "pw", None, None)
    connection.search_ext("dc=x", 2, "(a=b)", ["1.1"], 0, None, None, -1, 7)
    connection.result4(5, 0, 1.5, 0, 0, 0)
    where = "simple_bind, search_ext and result4 in ldap/ldapobject.py and Modules/LDAPObject.c"
    assert recorder.calls == [
        ("simple_bind", "cn=a", "pw", None, None),
        ("search_ext", "dc=x", 2, "(a=b)", ["1.1"], 0, None, None, -1, 7),
        ("result4", 5, 0, 1.5, 0, 0, 0),
    ], changed("what python-ldap passes to _ldap", where)


def test_object_below_has_the_methods() -> None:
    below = getattr(ldap.initialize("ldap://127.0.0.1"), "_l", None)
    assert below is not None, changed("connection._l", "ldap/ldapobject.py")
    for name in ("simple_bind", "search_ext", "result4"):
        assert callable(getattr(below, name, None)), changed(f"_l.{name}", "Modules/LDAPObject.c")


def test_requests_return_increasing_message_ids(serve: Serve) -> None:
    connection = serve(result(BIND_RESPONSE, 0))
    first = connection.simple_bind("cn=a", b"pw", [(POLICY_CONTROL, False, None)], None)
    second = search(connection)
    assert isinstance(first, int), changed("the result of simple_bind", "Modules/LDAPObject.c")
    assert second > first, changed("the result of search_ext", "Modules/LDAPObject.c")


def test_result4_returns_kind_data_number_and_controls(serve: Serve) -> None:
    connection = serve(result(BIND_RESPONSE, 0) + POLICY)
    number = connection.simple_bind("cn=a", b"pw", None, None)
    response = connection.result4(number, 0, PATIENCE, 0, 0, 0)
    expected: object = (ldap.RES_BIND, [], number, [(POLICY_CONTROL, 0, b"\x30\x00")])
    assert response == expected, changed("the result of result4", "Modules/LDAPObject.c")


def test_successful_result_has_the_policy_control(serve: Serve) -> None:
    connection = serve(result(BIND_RESPONSE, 0) + POLICY)
    number = connection.simple_bind("cn=a", b"pw", None, None)
    expected = (ldap.RES_BIND, LdapResult(0, "", b"\x30\x00"))
    assert next_message(connection, number, PATIENCE) == expected, changed("controls", "Modules/ldapcontrol.c")


def test_failed_result_is_an_error_with_details(serve: Serve) -> None:
    connection = serve(result(BIND_RESPONSE, 49, "text") + POLICY)
    number = connection.simple_bind("cn=a", b"pw", None, None)
    with pytest.raises(ldap.INVALID_CREDENTIALS) as caught:
        connection.result4(number, 0, PATIENCE, 0, 0, 0)
    details = error_details(caught.value)
    expected = {"result": 49, "info": "text", "msgtype": ldap.RES_BIND, "msgid": number}
    assert {key: details.get(key) for key in expected} == expected, changed("the dict in errors", "Modules/constants.c")
    assert details["ctrls"] == [(POLICY_CONTROL, 0, b"\x30\x00")], changed("ctrls in errors", "Modules/constants.c")
    assert "text" in error_reason(caught.value)


def test_failed_result_has_code_text_and_policy(serve: Serve) -> None:
    connection = serve(result(BIND_RESPONSE, 49, "text") + POLICY)
    number = connection.simple_bind("cn=a", b"pw", None, None)
    assert next_message(connection, number, PATIENCE) == (ldap.RES_BIND, LdapResult(49, "text", b"\x30\x00"))


def test_entries_references_and_the_end_come_one_by_one(serve: Serve) -> None:
    connection = serve(ENTRY, REFERENCE, found(b"cn=\xff"), result(SEARCH_DONE, 0))
    number = search(connection)
    messages = [next_message(connection, number, PATIENCE) for _ in range(4)]
    assert messages == [
        (ldap.RES_SEARCH_ENTRY, (LdapEntry("cn=a", {"mail": [b"\xfe"]}),)),
        (ldap.RES_SEARCH_REFERENCE, ()),
        (ldap.RES_SEARCH_ENTRY, (LdapEntry("", {}),)),
        (ldap.RES_SEARCH_RESULT, LdapResult(0)),
    ], changed("the data of search results", "Modules/message.c")


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_no_message_in_time_is_none(serve: Serve, seconds: float) -> None:
    connection = serve()
    number = connection.simple_bind("cn=a", b"pw", None, None)
    assert next_message(connection, number, seconds) == (0, None), changed("a time-out", "Modules/LDAPObject.c")


def test_notice_of_disconnection_is_no_result(serve: Serve) -> None:
    connection = serve(notice(0))
    number = connection.simple_bind("cn=a", b"pw", None, None)
    with pytest.raises((ServerUnavailable, ldap.LDAPError)):
        next_message(connection, number, PATIENCE)


def test_failed_connection_has_a_negative_result() -> None:
    connection = libldap_connection(ldap.initialize(f"ldap://127.0.0.1:{free_port()}"))
    with pytest.raises(ldap.SERVER_DOWN) as caught:
        connection.simple_bind("cn=a", b"pw", None, None)
    assert error_details(caught.value)["result"] < 0, changed("result in errors", "Modules/constants.c")
    assert error_reason(caught.value)


def test_invalid_filter_raises_filter_error(serve: Serve) -> None:
    with pytest.raises(ldap.FILTER_ERROR):
        serve().search_ext("dc=x", ldap.SCOPE_BASE, "(&uid=a)", ["1.1"], 0, None, None, -1, 2)

"""The LDAP backend and servers that send invalid responses: none of them accepts a login."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.backends.ldap.ldap_servers import (
    BIND,
    BIND_RESPONSE,
    SEARCH,
    SEARCH_DONE,
    Respond,
    Responder,
    element,
    found,
    notice,
    result,
)
from tests.backends.ldap.ldap_site import LOG, MAIL, PEOPLE_BY_UID, READER, ldap_site, section
from tests.helper import Helper, wait_until

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'
OTHER_KINDS = (SEARCH_DONE, 0x69, 0x6B, 0x6F, 0x78, 0x79)
"""Responses: end of a search, add, delete, compare, extended, intermediate."""
EMERGENCY = """
[[backend]]
type = "files"
name = "{0} emergency"
domains = ["{0}.example"]
path = "emergency"
emergency = true
"""
CODES = (0, 8, 49, 52)
ACTIVE_DIRECTORY = "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data {}, v3839"


def normal(tag: int, operation: bytes) -> list[bytes]:
    """Accept the password "pw9" for all users."""
    return [result(BIND_RESPONSE, 49 if b"uid=" in operation and b"pw9" not in operation else 0)] if tag == BIND else []


def user_bind_server(*responses: bytes) -> Responder:
    return Responder(lambda tag, operation: list(responses) if b"uid=" in operation else normal(tag, operation))


def search_server(*responses: bytes) -> Responder:
    return Responder(lambda tag, operation: list(responses) if tag == SEARCH else normal(tag, operation))


def anonymous_bind_server(response: bytes) -> Responder:
    """Return a normal server that sends this in response to the anonymous bind after a login."""
    user_bound = False

    def reply(tag: int, operation: bytes) -> list[bytes]:
        nonlocal user_bound
        responses = [response] if user_bound else normal(tag, operation)
        user_bound = b"pw9" in operation
        return responses

    return Responder(reply)


class EarlyResponder(Responder):
    """Accepts binds before they come, and responds to none."""

    def __init__(self) -> None:
        super().__init__(lambda *_: [])

    def serve(self, connection: socket.socket) -> None:
        numbers = (bytes([number]) for number in range(1, 128))
        accepted = result(BIND_RESPONSE, 0)
        connection.sendall(b"".join(element(0x30, b"\x02\x01" + number + accepted) for number in numbers))
        super().serve(connection)


def binds_with(code: int, message: str = "") -> Respond:
    return lambda tag, operation: (
        [result(BIND_RESPONSE, code, message)] if b"uid=" in operation else normal(tag, operation)
    )


def searches_with(code: int, *entries: bytes) -> Respond:
    return lambda tag, operation: [*entries, result(SEARCH_DONE, code)] if tag == SEARCH else normal(tag, operation)


def reject_the_reader(tag: int, operation: bytes) -> list[bytes]:
    return [result(BIND_RESPONSE, 49 if b"cn=reader" in operation else 0)]


def lock_the_reader(tag: int, operation: bytes) -> list[bytes]:
    if b"cn=reader" in operation:
        return [result(BIND_RESPONSE, 49, ACTIVE_DIRECTORY.format("775"))]
    return normal(tag, operation)


TEMPORARY_FAILURES: list[tuple[str, Respond]] = [
    (AS_NAMED, binds_with(1)),
    (AS_NAMED, binds_with(8)),
    (AS_NAMED, binds_with(10)),
    (AS_NAMED, binds_with(50)),
    (AS_NAMED, binds_with(80)),
    (
        AS_NAMED,
        binds_with(49, "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52f, v3839"),
    ),
    (PEOPLE_BY_UID, searches_with(4)),
    (PEOPLE_BY_UID, searches_with(11, found("uid=a"))),
    (PEOPLE_BY_UID, searches_with(32)),
    (f"{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = '(member={{dn}})'", searches_with(32)),
    (f"{READER}\n{PEOPLE_BY_UID}", reject_the_reader),
]
"""Servers whose responses do not say whether the password is right."""

SERVERS: dict[str, tuple[str, Callable[[], Responder]]] = {
    **{f"bind{tag:x}": (AS_NAMED, partial(user_bind_server, result(tag, 0))) for tag in OTHER_KINDS},
    "rejects": (AS_NAMED, partial(user_bind_server, result(SEARCH_DONE, 49))),
    "entry": (AS_NAMED, partial(user_bind_server, found("uid=a"), result(SEARCH_DONE, 0))),
    "empty": (AS_NAMED, partial(user_bind_server, element(BIND_RESPONSE, b"\x0a\x00\x04\x00\x04\x00"))),
    "searchempty": (
        PEOPLE_BY_UID,
        partial(search_server, found("uid=a"), element(SEARCH_DONE, b"\x0a\x00\x04\x00\x04\x00")),
    ),
    "huge": (AS_NAMED, partial(user_bind_server, b"\x30\x84\x40\x00\x00\x00" + b"\x02\x01\x02")),
    "early": (AS_NAMED, EarlyResponder),
    "search61": (PEOPLE_BY_UID, partial(search_server, found("uid=a"), result(BIND_RESPONSE, 0))),
    "search6b": (PEOPLE_BY_UID, partial(search_server, found("uid=a"), result(0x6B, 0))),
    **{f"notice{code}": (AS_NAMED, partial(user_bind_server, notice(code))) for code in CODES},
    **{f"idle{code}": (AS_NAMED, partial(Responder, normal)) for code in CODES},
    **{
        f"temporary{number}": (keys, partial(Responder, reply))
        for number, (keys, reply) in enumerate(TEMPORARY_FAILURES)
    },
    **{f"unavailable{code}": (AS_NAMED, partial(user_bind_server, result(BIND_RESPONSE, code))) for code in (51, 52)},
    "locked": (f"{READER}\n{PEOPLE_BY_UID}", partial(Responder, lock_the_reader)),
    "twice": (AS_NAMED, partial(user_bind_server, result(BIND_RESPONSE, 49), result(BIND_RESPONSE, 0))),
    "anonymous0": (AS_NAMED, partial(anonymous_bind_server, notice(0))),
    "anonymous1": (AS_NAMED, partial(anonymous_bind_server, result(SEARCH_DONE, 0))),
    "anonymous2": (AS_NAMED, partial(anonymous_bind_server, b"garbage")),
}


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Helper, dict[str, Responder]]]:
    """One helper and the servers of its backends. Each server has its own domain."""
    site = ldap_site(tmp_path_factory.mktemp("ldap"))
    servers = {name: make() for name, (_, make) in SERVERS.items()}
    short = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 3"
    site.configure(
        LOG
        + "".join(
            section(name, keys, short, servers=repr(servers[name].url))
            + (EMERGENCY.format(name) if name.startswith(("temporary", "unavailable")) else "")
            for name, (keys, _) in SERVERS.items()
        )
    )
    site.write("emergency", "".join(f"alice@{name}.example:{{PLAIN}}emergency\n" for name in SERVERS))
    helper = site.serve()
    yield helper, servers
    helper.kill()
    for server in servers.values():
        server.close()


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in SERVERS
        if name.startswith(("bind", "rejects", "entry", "empty", "huge", "early", "search", "notice"))
    ],
)
def test_invalid_response_is_a_temporary_failure(setup: tuple[Helper, dict[str, Responder]], name: str) -> None:
    helper, _ = setup
    for password in (b"pw9", b"wrong"):
        assert helper.ask(b"1 VRFY alice@%s.example %s" % (name.encode(), password)) == TEMPORARY
    helper.wait_for_information(f"account=alice@{name}.*(invalid LDAP response|the connection|no response in time)")


def test_announced_size_of_a_message_is_limited(setup: tuple[Helper, dict[str, Responder]]) -> None:
    helper, _ = setup
    helper.ask(b"1 VRFY alice@huge.example pw9")
    helper.wait_for_information("account=alice@huge.*a message of 1073741830 bytes; at most 1048576 are allowed")


def test_two_contradicting_responses_never_accept_a_login(
    setup: tuple[Helper, dict[str, Responder]],
) -> None:
    helper, _ = setup
    for _ in range(3):
        assert helper.ask(b"1 VRFY alice@twice.example wrong") in (NEGATIVE, TEMPORARY)


@pytest.mark.parametrize("code", CODES)
def test_notice_of_disconnection_causes_a_silent_reconnect(
    setup: tuple[Helper, dict[str, Responder]], code: int
) -> None:
    helper, servers = setup
    for password in (b"wrong", b"wrong", b"pw9", b"pw9", b"wrong"):
        reply = helper.ask(b"1 VRFY alice@idle%d.example %s" % (code, password))
        assert reply == (OK if password == b"pw9" else NEGATIVE), helper.information
        server = servers[f"idle{code}"]
        server.say(notice(code))
        wait_until(lambda: all(each.fileno() < 0 for each in server.connections), "the end of all connections")  # noqa: B023
    assert not [line for line in helper.information if f"idle{code}" in line and "127.0.0.1" in line]


@pytest.mark.parametrize("kind", range(3))
def test_response_to_anonymous_bind_never_accepts_the_next_user(
    setup: tuple[Helper, dict[str, Responder]], kind: int
) -> None:
    helper, _ = setup
    for _ in range(3):
        helper.ask(b"1 VRFY alice@anonymous%d.example pw9" % kind)
        assert helper.ask(b"1 VRFY alice@anonymous%d.example wrong" % kind) in (NEGATIVE, TEMPORARY)
    helper.wait_for_information(f"account=alice@anonymous{kind}.* verdict=OK")


@pytest.mark.parametrize("name", [name for name in SERVERS if name.startswith(("temporary", "unavailable"))])
def test_emergency_backend_serves_only_if_servers_are_unavailable(
    setup: tuple[Helper, dict[str, Responder]], name: str
) -> None:
    helper, _ = setup
    expected = OK if name.startswith("unavailable") else TEMPORARY
    assert helper.ask(b"1 VRFY alice@%s.example emergency" % name.encode()) == expected


def test_rejected_service_account_is_not_tried_again_soon(
    setup: tuple[Helper, dict[str, Responder]],
) -> None:
    helper, servers = setup
    for number in range(3):
        assert helper.ask(b"%d VRFY alice%d@locked.example pw9" % (number, number)) == TEMPORARY
        reason = "rejects the service account cn=reader,dc=example: Active Directory 775: account locked"
        helper.wait_for_information(f'account=alice{number}@locked.* verdict=TEMPORARY_FAILURE .*{reason}"')
    assert servers["locked"].received.count(b"cn=reader") == 1

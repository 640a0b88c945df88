"""The LDAP backend and servers that answer what nobody asked, over both engines: none of it lets anybody in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.backends.ldap.ldap_servers import (
    BIND,
    BIND_ANSWER,
    SEARCH,
    SEARCH_DONE,
    Reply,
    Responder,
    found,
    notice,
    result,
)
from tests.backends.ldap.ldap_site import LOG, MAIL, PEOPLE_BY_UID, READER, ldap_site, section
from tests.helper import Helper

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'
OTHER_KINDS = (SEARCH_DONE, 0x69, 0x6B, 0x6F, 0x78, 0x79)
"""The end of a search, what answers an add, a delete, a compare and an extended operation, an intermediate answer."""
EMERGENCY = """
[[backend]]
type = "files"
name = "{0} in need"
domains = ["{0}.example"]
path = "emergency"
emergency = true
"""
CODES = (0, 8, 49, 52)


def knows(tag: int, operation: bytes) -> list[bytes]:
    """A server to which "pw9" is everybody's password."""
    return [result(BIND_ANSWER, 49 if b"uid=" in operation and b"pw9" not in operation else 0)] if tag == BIND else []


def to_a_users_bind(*answers: bytes) -> Responder:
    return Responder(lambda tag, operation: list(answers) if b"uid=" in operation else knows(tag, operation))


def to_a_search(*answers: bytes) -> Responder:
    return Responder(lambda tag, operation: list(answers) if tag == SEARCH else knows(tag, operation))


def to_who_leaves(answer: bytes) -> Responder:
    """A server that knows, but says this when somebody who has logged in leaves."""
    someone = False

    def reply(tag: int, operation: bytes) -> list[bytes]:
        nonlocal someone
        answers = [answer] if someone else knows(tag, operation)
        someone = b"pw9" in operation
        return answers

    return Responder(reply)


def binds(code: int, message: str = "") -> Reply:
    return lambda tag, operation: (
        [result(BIND_ANSWER, code, message)] if b"uid=" in operation else knows(tag, operation)
    )


def searches(code: int, *entries: bytes) -> Reply:
    return lambda tag, operation: [*entries, result(SEARCH_DONE, code)] if tag == SEARCH else knows(tag, operation)


def rejects_the_reader(tag: int, operation: bytes) -> list[bytes]:
    return [result(BIND_ANSWER, 49 if b"cn=reader" in operation else 0)]


def says_that_the_reader_is_locked(tag: int, operation: bytes) -> list[bytes]:
    if b"cn=reader" in operation:
        return [result(BIND_ANSWER, 49, "LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data 775, v3839")]
    return knows(tag, operation)


UNSURE: list[tuple[str, Reply]] = [
    (AS_NAMED, binds(1)),
    (AS_NAMED, binds(8)),
    (AS_NAMED, binds(10)),
    (AS_NAMED, binds(50)),
    (AS_NAMED, binds(80)),
    (AS_NAMED, binds(49, "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52f, v3839")),
    (PEOPLE_BY_UID, searches(4)),
    (PEOPLE_BY_UID, searches(11, found("uid=a"))),
    (PEOPLE_BY_UID, searches(32)),
    (f"{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = '(member={{dn}})'", searches(32)),
    (f"{READER}\n{PEOPLE_BY_UID}", rejects_the_reader),
]
"""LdapServers that answer, but not whether the password is right."""

SERVERS: dict[str, tuple[str, Callable[[], Responder]]] = {
    **{f"bind{tag:x}": (AS_NAMED, partial(to_a_users_bind, result(tag, 0))) for tag in OTHER_KINDS},
    "rejects": (AS_NAMED, partial(to_a_users_bind, result(SEARCH_DONE, 49))),
    "entry": (AS_NAMED, partial(to_a_users_bind, found("uid=a"), result(SEARCH_DONE, 0))),
    "search61": (PEOPLE_BY_UID, partial(to_a_search, found("uid=a"), result(BIND_ANSWER, 0))),
    "search6b": (PEOPLE_BY_UID, partial(to_a_search, found("uid=a"), result(0x6B, 0))),
    **{f"notice{code}": (AS_NAMED, partial(to_a_users_bind, notice(code))) for code in CODES},
    **{f"idle{code}": (AS_NAMED, partial(Responder, knows)) for code in CODES},
    **{f"unsure{number}": (keys, partial(Responder, reply)) for number, (keys, reply) in enumerate(UNSURE)},
    **{f"outage{code}": (AS_NAMED, partial(to_a_users_bind, result(BIND_ANSWER, code))) for code in (51, 52)},
    "locked": (f"{READER}\n{PEOPLE_BY_UID}", partial(Responder, says_that_the_reader_is_locked)),
    "twice": (AS_NAMED, partial(to_a_users_bind, result(BIND_ANSWER, 49), result(BIND_ANSWER, 0))),
    "leaves0": (AS_NAMED, partial(to_who_leaves, notice(0))),
    "leaves1": (AS_NAMED, partial(to_who_leaves, result(SEARCH_DONE, 0))),
    "leaves2": (AS_NAMED, partial(to_who_leaves, b"garbage")),
}


@pytest.fixture(scope="module", params=["ldap3", "python-ldap"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Helper, dict[str, Responder]]]:
    """One helper, and the servers that it asks: for each one a domain."""
    site = ldap_site(tmp_path_factory.mktemp("ldap"))
    servers = {name: make() for name, (_, make) in SERVERS.items()}
    quickly = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 3"
    site.configure(
        LOG
        + "".join(
            section(str(request.param), name, keys, quickly, servers=repr(servers[name].url))
            + (EMERGENCY.format(name) if name.startswith(("unsure", "outage")) else "")
            for name, (keys, _) in SERVERS.items()
        )
    )
    site.write("emergency", "".join(f"alice@{name}.example:{{PLAIN}}in need\n" for name in SERVERS))
    helper = site.serve()
    yield helper, servers
    helper.kill()
    for server in servers.values():
        server.close()


@pytest.mark.parametrize(
    "name", [name for name in SERVERS if name.startswith(("bind", "rejects", "entry", "search", "notice"))]
)
def test_an_answer_of_another_kind_or_to_nobody_decides_nothing(
    served: tuple[Helper, dict[str, Responder]], name: str
) -> None:
    helper, _ = served
    for password in (b"pw9", b"wrong"):
        assert helper.ask(b"1 VRFY alice@%s.example %s" % (name.encode(), password)) == TEMPORARY
    helper.wait_for_information(f"account=alice@{name}.*(no LDAP|the connection|no answer in time)")


def test_who_is_rejected_and_accepted_at_once_is_not_let_in(served: tuple[Helper, dict[str, Responder]]) -> None:
    helper, _ = served
    for _ in range(3):
        assert helper.ask(b"1 VRFY alice@twice.example wrong") in (NEGATIVE, TEMPORARY)


@pytest.mark.parametrize("code", CODES)
def test_a_notice_of_disconnection_is_nobodys_answer_and_connected_after_without_a_word(
    served: tuple[Helper, dict[str, Responder]], code: int
) -> None:
    helper, servers = served
    for password in (b"wrong", b"wrong", b"pw9", b"pw9", b"wrong"):
        reply = helper.ask(b"1 VRFY alice@idle%d.example %s" % (code, password))
        assert reply == (OK if password == b"pw9" else NEGATIVE), helper.information
        servers[f"idle{code}"].say(notice(code))
    assert not [line for line in helper.information if f"idle{code}" in line and "127.0.0.1" in line]


@pytest.mark.parametrize("kind", range(3))
def test_nothing_that_is_said_to_who_leaves_lets_the_next_one_in(
    served: tuple[Helper, dict[str, Responder]], kind: int
) -> None:
    helper, _ = served
    for _ in range(3):
        helper.ask(b"1 VRFY alice@leaves%d.example pw9" % kind)
        assert helper.ask(b"1 VRFY alice@leaves%d.example wrong" % kind) in (NEGATIVE, TEMPORARY)
    helper.wait_for_information(f"account=alice@leaves{kind}.* verdict=OK")


@pytest.mark.parametrize("name", [name for name in SERVERS if name.startswith(("unsure", "outage"))])
def test_an_emergency_backend_is_asked_only_when_no_server_could_be(
    served: tuple[Helper, dict[str, Responder]], name: str
) -> None:
    helper, _ = served
    expected = OK if name.startswith("outage") else TEMPORARY
    assert helper.ask(b"1 VRFY alice@%s.example in need" % name.encode()) == expected


def test_a_service_account_that_was_rejected_is_not_tried_at_the_next_login(
    served: tuple[Helper, dict[str, Responder]],
) -> None:
    helper, servers = served
    for number in range(3):
        assert helper.ask(b"%d VRFY alice%d@locked.example pw9" % (number, number)) == TEMPORARY
        reason = "rejects the service account cn=reader,dc=example: Active Directory 775: account locked"
        helper.wait_for_information(f'account=alice{number}@locked.* verdict=TEMPORARY_FAILURE .*{reason}"')
    assert servers["locked"].received.count(b"cn=reader") == 1

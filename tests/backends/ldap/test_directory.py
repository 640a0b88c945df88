"""The LDAP backend when servers are away, slow, restarted, or say what nobody expects; over both engines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_servers import (
    BIND,
    BIND_ANSWER,
    SEARCH,
    SEARCH_DONE,
    Proxy,
    Responder,
    TestServer,
    does_not_take_connections,
    found,
    result,
)
from tests.backends.ldap.ldap_site import ENTRIES, LOG, PEOPLE, PEOPLE_BY_UID, READER, ldap_site, section
from tests.backends.ldap.slapd import Slapd, free_port
from tests.helper import Helper, Site, wait_for_serving, wait_until

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
ALICE = b"alice@x.example open sesame"
QUICKLY = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 3"
AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'

Serve = Callable[..., Helper]


@pytest.fixture(scope="module", params=["ldap3", "python-ldap"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    slapd = Slapd(tmp_path / "slapd", ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


@pytest.fixture
def serve(engine: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts a helper whose one backend asks these servers."""
    (tmp_path / "site").mkdir()
    site: Site = ldap_site(tmp_path / "site")

    def serve(*urls: str, keys: str = f"{READER}\n{PEOPLE_BY_UID}", log: str = LOG, **options: object) -> Helper:
        site.configure(log + section(engine, "x", keys, QUICKLY, servers=", ".join(map(repr, urls))))
        return site.serve(**options)

    yield serve
    for helper in site.helpers:
        helper.kill()


def says(helper: Helper, login: bytes, reply: bytes, reason: str = "") -> None:
    helper.information.clear()
    assert helper.ask(b"1 VRFY " + login) == reply, helper.information
    if reason:
        helper.wait_for_information(reason)


def test_where_nobody_listens_it_cannot_tell(serve: Serve) -> None:
    helper = serve(f"ldap://127.0.0.1:{free_port()}")
    says(helper, ALICE, TEMPORARY, "127.0.0.1")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_stays_silent_is_given_up_and_the_next_one_asked(serve: Serve, slapd: Slapd, scheme: str) -> None:
    silent = TestServer()
    helper = serve(f"{scheme}://127.0.0.1:{silent.port}", slapd.url)
    says(helper, ALICE, OK)
    asked = len(silent.connections)
    assert asked > 0
    says(helper, ALICE, OK)
    assert len(silent.connections) == asked, "who was down lately is asked last"
    silent.close()


def test_of_a_name_with_several_addresses_those_behind_one_that_is_dead_are_tried(
    serve: Serve, slapd: Slapd, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.2 directory.test\n127.0.0.1 directory.test\n")
    wrapper = str(next(Path("/usr/lib").glob("*/libnss_wrapper.so")))
    with does_not_take_connections("127.0.0.2", slapd.port):
        helper = serve(
            f"ldap://directory.test:{slapd.port}",
            keys=f"{AS_NAMED}\nallow_plaintext = true",
            env=os.environ | {"LD_PRELOAD": wrapper, "NSS_WRAPPER_HOSTS": str(hosts)},
        )
        says(helper, ALICE, OK)


def test_when_all_were_down_all_are_tried_all_the_same(serve: Serve, slapd: Slapd) -> None:
    nobody = f"ldap://127.0.0.1:{free_port()}"
    slapd.kill()
    helper = serve(nobody, slapd.url)
    says(helper, ALICE, TEMPORARY, f"{nobody}.*{slapd.url}")
    slapd.start()
    says(helper, ALICE, OK)


def test_a_server_that_is_out_of_reach_is_logged_once_and_once_that_it_answers_again(
    serve: Serve, slapd: Slapd
) -> None:
    helper = serve(slapd.url, log=LOG.replace("Low Level", "Problems"))
    slapd.kill()
    for _ in range(3):
        assert helper.ask(b"1 VRFY " + ALICE) == TEMPORARY
    slapd.start()
    for _ in range(3):
        assert helper.ask(b"1 VRFY " + ALICE) == OK
    helper.wait_for_information("answers again")
    said = [line for line in helper.information if line.startswith("x: ")]
    assert len(said) == 2, said
    assert said[0].startswith(f"x: {slapd.url} is out of reach: ")
    assert said[1] == f"x: {slapd.url} answers again"


def test_a_server_that_answers_a_byte_now_and_then_is_given_up(serve: Serve, slapd: Slapd) -> None:
    slow = Proxy(slapd.port, pause=0.5)
    helper = serve(slow.url)
    says(helper, ALICE, TEMPORARY, "no answer in time")
    assert 0 < slow.sent < slow.due
    slow.close()


def test_a_frozen_server_is_given_up_and_serves_again_when_it_goes_on(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url)
    says(helper, ALICE, OK)
    slapd.freeze()
    says(helper, ALICE, TEMPORARY, "no answer in time")
    slapd.thaw()
    says(helper, ALICE, OK)


def test_a_restarted_server_is_connected_to_anew_without_a_word(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url)
    says(helper, ALICE, OK)
    slapd.kill()
    slapd.start()
    says(helper, ALICE, OK)
    says(helper, b"alice@x.example wrong", NEGATIVE)
    assert not [line for line in helper.information if "127.0.0.1" in line]


def test_an_idle_connection_that_the_server_has_closed_is_opened_anew(serve: Serve, slapd: Slapd) -> None:
    proxy = Proxy(slapd.port)
    helper = serve(proxy.url)
    says(helper, ALICE, OK)
    proxy.cut()
    says(helper, ALICE, OK)
    proxy.close()


def test_a_service_account_that_is_rejected_serves_again_when_its_file_has_the_new_password(
    serve: Serve, slapd: Slapd
) -> None:
    helper = serve(slapd.url)
    slapd.modify("dn: cn=reader,dc=example\nreplace: userPassword\nuserPassword: new\n")
    says(helper, ALICE, TEMPORARY, "rejects the service account")
    Site(helper.config.parent).write("reader.secret", "new\n")
    wait_for_serving(helper, 2)
    says(helper, ALICE, OK)


def test_a_rejected_password_is_not_tried_on_the_next_server(serve: Serve, slapd: Slapd) -> None:
    second = TestServer()
    helper = serve(slapd.url, second.url)
    says(helper, b"alice@x.example wrong", NEGATIVE)
    assert not second.connections
    second.close()


def test_a_thousand_wrong_passwords_leave_no_descriptor_and_nobody_bound(serve: Serve, slapd: Slapd) -> None:
    proxy = Proxy(slapd.port)
    helper = serve(proxy.url)
    says(helper, ALICE, OK)
    says(helper, b"bob@x.example wrong", NEGATIVE)
    processes = helper.descendants()
    before = {process: len(os.listdir(f"/proc/{process}/fd")) for process in processes}  # noqa: PTH208
    for first in range(0, 1000, 50):
        helper.send(*(b"n%d VRFY bob@x.example wrong%d" % (number, number) for number in range(first, first + 50)))
        helper.wait_for_replies(first + 50)
    assert {line.split(b" ", 1)[1] for line in helper.replies} == {NEGATIVE}
    assert {process: len(os.listdir(f"/proc/{process}/fd")) for process in processes} == before  # noqa: PTH208
    assert len(proxy.connections) == 2
    proxy.close()


def test_after_a_right_password_nobody_is_bound(serve: Serve) -> None:
    binds: list[bytes] = []

    def reply(tag: int, operation: bytes) -> list[bytes]:
        if tag == BIND:
            binds.append(operation)
            return [result(BIND_ANSWER, 0)]
        return []

    server = Responder(reply)
    helper = serve(server.url, keys=AS_NAMED)
    says(helper, b"alice@x.example pw9", OK)
    wait_until(lambda: b"uid=alice" not in binds[-1], "a bind as nobody")
    assert b"uid=alice" in binds[-2]
    assert b"pw9" in binds[-2]
    server.close()


def test_where_nobody_cannot_be_bound_the_connection_ends(serve: Serve) -> None:
    binds: list[bytes] = []

    def reply(tag: int, operation: bytes) -> list[bytes]:
        binds.append(operation)
        return [result(BIND_ANSWER, 0 if b"uid=" in operation else 48)] if tag == BIND else []

    server = Responder(reply)
    helper = serve(server.url, keys=AS_NAMED)
    says(helper, b"alice@x.example pw9", OK)
    wait_until(lambda: b"uid=alice" not in binds[-1], "a bind as nobody")
    before = len(server.connections)
    says(helper, b"alice@x.example pw9", OK)
    assert len(server.connections) == before + 1
    server.close()


AD = "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data {}, v3839"


RESULTS_OF_A_BIND = [
    (49, "", NEGATIVE, "49 invalidCredentials"),
    (49, AD.format("525"), NEGATIVE, "no such user"),
    (49, AD.format("52e"), NEGATIVE, "52e"),
    (49, AD.format("530"), NEGATIVE, "logon hours"),
    (49, AD.format("531"), NEGATIVE, "may not log on from here"),
    (49, AD.format("532"), NEGATIVE, "password expired"),
    (49, AD.format("533"), NEGATIVE, "account disabled"),
    (49, AD.format("701"), NEGATIVE, "account expired"),
    (49, AD.format("773"), NEGATIVE, "must be changed"),
    (49, AD.format("775"), NEGATIVE, "account locked"),
    (49, AD.format("9999"), TEMPORARY, "unknown sub-code 9999"),
    (19, "", NEGATIVE, "19 constraintViolation"),
    (32, "", NEGATIVE, "32 noSuchObject"),
    (48, "", NEGATIVE, "48 inappropriateAuthentication"),
    (53, "", NEGATIVE, "53 unwillingToPerform"),
    (8, "", TEMPORARY, "wants TLS"),
    (10, "", TEMPORARY, "not followed"),
    (13, "", TEMPORARY, "wants TLS"),
    (50, "", TEMPORARY, "insufficientAccessRights"),
    (51, "", TEMPORARY, "51"),
    (52, "", TEMPORARY, "52"),
    (80, "something", TEMPORARY, "80 something"),
    (123, "", TEMPORARY, ""),
]


def test_what_a_result_of_a_bind_means(serve: Serve) -> None:
    def answer(tag: int, operation: bytes) -> list[bytes]:
        case = re.search(rb"case(\d+)\.", operation)
        code, message = RESULTS_OF_A_BIND[int(case[1])][:2] if case else (0, "")
        return [result(BIND_ANSWER, code, message)] if tag == BIND else []

    server = Responder(answer)
    helper = serve(server.url, keys=AS_NAMED)
    for number, (_, _, reply, reason) in enumerate(RESULTS_OF_A_BIND):
        says(helper, b"case%d.@x.example pw9" % number, reply, f"account=case{number}\\.@.*{reason}")
    server.close()


@pytest.mark.parametrize("code", [51, 52])
def test_a_server_that_is_busy_or_unavailable_has_the_next_one_asked(serve: Serve, slapd: Slapd, code: int) -> None:
    server = Responder(lambda tag, _: [result(BIND_ANSWER, code)] if tag == BIND else [])
    says(serve(server.url, slapd.url), ALICE, OK)
    server.close()


RESULTS_OF_A_SEARCH = [
    ([found(""), result(SEARCH_DONE, 0)], NEGATIVE, "has no name"),
    ([found(b"cn=\xff"), result(SEARCH_DONE, 0)], NEGATIVE, "has no name"),
    ([found(b"cn=\xff"), found("cn=a"), result(SEARCH_DONE, 0)], NEGATIVE, "more than one"),
    ([result(SEARCH_DONE, 0)], NEGATIVE, "no entry"),
    ([found("cn=a"), found("cn=b"), result(SEARCH_DONE, 4)], NEGATIVE, "more than one"),
    ([found("cn=a"), result(SEARCH_DONE, 4)], NEGATIVE, "more than one"),
    ([result(SEARCH_DONE, 4)], TEMPORARY, "the search in ou=people,dc=example was answered 4"),
    ([found("cn=a"), result(SEARCH_DONE, 11)], TEMPORARY, "the search in ou=people,dc=example was answered 11"),
    ([found("cn=a"), result(SEARCH_DONE, 3)], TEMPORARY, "the search in ou=people,dc=example was answered 3"),
    ([b"\x65\x03abc"], TEMPORARY, ""),
    ([b"garbage"], TEMPORARY, ""),
]


def test_what_a_result_of_a_search_means(serve: Serve) -> None:
    def answer(tag: int, operation: bytes) -> list[bytes]:
        case = re.search(rb"case(\d+)\.", operation)
        if tag == SEARCH and case:
            return RESULTS_OF_A_SEARCH[int(case[1])][0]
        return [result(BIND_ANSWER, 49 if b"pw9" in operation else 0)] if tag == BIND else []

    server = Responder(answer)
    helper = serve(server.url, keys=PEOPLE_BY_UID)
    for number, (_, reply, reason) in enumerate(RESULTS_OF_A_SEARCH):
        says(helper, b"case%d.@x.example pw9" % number, reply, f"account=case{number}\\.@.*{reason}")
    server.close()


def test_a_search_reference_is_not_followed(serve: Serve) -> None:
    elsewhere = TestServer()
    reference = (
        b"\x73" + bytes([len(elsewhere.url) + 2]) + b"\x04" + bytes([len(elsewhere.url)]) + elsewhere.url.encode()
    )

    def answer(tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH:
            return [reference, found("cn=a"), result(SEARCH_DONE, 0)]
        return [result(BIND_ANSWER, 0)] if tag == BIND else []

    server = Responder(answer)
    says(serve(server.url, keys=PEOPLE_BY_UID), b"alice@x.example pw9", OK)
    assert not elsewhere.connections
    server.close()
    elsewhere.close()


def test_no_password_is_in_the_log_whatever_the_server_says(serve: Serve) -> None:
    server = Responder(lambda tag, _: [result(BIND_ANSWER, 80, "was: hunter2 42")] if tag == BIND else [])
    helper = serve(server.url, keys=AS_NAMED)
    says(helper, b"alice@x.example hunter2 42", TEMPORARY, "withheld")
    assert not [line for line in helper.information if "hunter2" in line]
    server.close()

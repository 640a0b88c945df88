"""The LDAP backend and servers that are unavailable, slow, restarted or busy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_servers import (
    BIND,
    BIND_RESPONSE,
    SEARCH,
    SEARCH_DONE,
    Proxy,
    Responder,
    TestServer,
    element,
    found,
    never_accepts,
    result,
)
from tests.backends.ldap.ldap_site import LOG, MAIL, PEOPLE_BY_UID, Serve, check_login
from tests.backends.ldap.slapd import Slapd, free_port
from tests.helper import Site, wait_for_serving, wait_until

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
ALICE = b"alice@x.example open sesame"
AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'


def test_closed_port_is_a_temporary_failure(serve: Serve) -> None:
    helper = serve(f"ldap://127.0.0.1:{free_port()}")
    check_login(helper, ALICE, TEMPORARY, "127.0.0.1")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_silent_server_times_out_and_next_one_is_asked(serve: Serve, slapd: Slapd, scheme: str) -> None:
    silent = TestServer()
    times = "connect_timeout = 0.3\nread_timeout = 0.3\noverall_timeout = 3"  # a longer wait counts as a hang
    helper = serve(f"{scheme}://127.0.0.1:{silent.port}", slapd.url, times=times)
    check_login(helper, ALICE, OK)
    asked = len(silent.connections)
    assert asked > 0
    check_login(helper, ALICE, OK)
    assert len(silent.connections) == asked, "a server that was unavailable is tried last"
    silent.close()


def test_next_address_of_a_name_is_tried(serve: Serve, slapd: Slapd, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.2 directory.test\n127.0.0.1 directory.test\n")
    wrapper = str(next(Path("/usr/lib").glob("*/libnss_wrapper.so")))
    with never_accepts("127.0.0.2", slapd.port):
        helper = serve(
            f"ldap://directory.test:{slapd.port}",
            keys=f"{AS_NAMED}\nallow_plaintext = true",
            env=os.environ | {"LD_PRELOAD": wrapper, "NSS_WRAPPER_HOSTS": str(hosts)},
        )
        check_login(helper, ALICE, OK)


def test_unavailable_servers_are_tried_if_there_are_no_others(serve: Serve, slapd: Slapd) -> None:
    closed = f"ldap://127.0.0.1:{free_port()}"
    slapd.kill()
    helper = serve(closed, slapd.url)
    check_login(helper, ALICE, TEMPORARY, f"{closed}.*{slapd.url}")
    slapd.start()
    check_login(helper, ALICE, OK)


def test_unavailable_server_and_its_return_are_logged_once(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url, log=LOG.replace("Low Level", "Problems"))
    slapd.kill()
    for _ in range(3):
        assert helper.ask(b"1 VRFY " + ALICE) == TEMPORARY
    slapd.start()
    for _ in range(3):
        assert helper.ask(b"1 VRFY " + ALICE) == OK
    helper.wait_for_information("is available again")
    logged = [line for line in helper.information if line.startswith("x: ")]
    assert len(logged) == 2, logged
    assert logged[0].startswith(f"x: {slapd.url} is unavailable: ")
    assert logged[1] == f"x: {slapd.url} is available again"


def test_server_that_sends_slow_bytes_times_out(serve: Serve, slapd: Slapd) -> None:
    slow = Proxy(slapd.port, pause=0.5)
    helper = serve(slow.url)
    check_login(helper, ALICE, TEMPORARY, "no response in time")
    assert 0 < slow.sent < slow.due
    slow.close()


def test_stopped_server_times_out_and_serves_again_later(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url)
    check_login(helper, ALICE, OK)
    slapd.freeze()
    check_login(helper, ALICE, TEMPORARY, "no response in time")
    slapd.thaw()
    check_login(helper, ALICE, OK)


def test_restarted_server_is_reconnected_silently(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url)
    check_login(helper, ALICE, OK)
    slapd.kill()
    slapd.start()
    check_login(helper, ALICE, OK)
    check_login(helper, b"alice@x.example wrong", NEGATIVE)
    assert not [line for line in helper.information if "127.0.0.1" in line]


def test_closed_idle_connection_is_opened_again(serve: Serve, slapd: Slapd) -> None:
    proxy = Proxy(slapd.port)
    helper = serve(proxy.url)
    check_login(helper, ALICE, OK)
    proxy.cut()
    check_login(helper, ALICE, OK)
    proxy.close()


def test_new_service_account_password_is_reloaded(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url)
    slapd.modify("dn: cn=reader,dc=example\nreplace: userPassword\nuserPassword: new\n")
    check_login(helper, ALICE, TEMPORARY, "rejects the service account")
    Site(helper.config.parent).write("reader.secret", "new\n")
    wait_for_serving(helper, 2)
    check_login(helper, ALICE, OK)


def test_wrong_password_is_not_tried_on_the_next_server(serve: Serve, slapd: Slapd) -> None:
    second = TestServer()
    helper = serve(slapd.url, second.url)
    check_login(helper, b"alice@x.example wrong", NEGATIVE)
    assert not second.connections
    second.close()


def test_many_wrong_passwords_leak_no_descriptors(serve: Serve, slapd: Slapd) -> None:
    proxy = Proxy(slapd.port)
    helper = serve(proxy.url, times="")
    check_login(helper, ALICE, OK)
    check_login(helper, b"bob@x.example wrong", NEGATIVE)
    processes = helper.processes("worker")
    before = {process: len(os.listdir(f"/proc/{process}/fd")) for process in processes}  # noqa: PTH208
    for first in range(0, 1000, 50):
        helper.send(*(b"n%d VRFY bob@x.example wrong%d" % (number, number) for number in range(first, first + 50)))
        helper.wait_for_replies(first + 50)
    assert {line.split(b" ", 1)[1] for line in helper.replies} == {NEGATIVE}, helper.information
    assert {process: len(os.listdir(f"/proc/{process}/fd")) for process in processes} == before  # noqa: PTH208
    assert len(proxy.connections) == 2
    proxy.close()


def test_after_a_login_no_user_stays_bound(serve: Serve) -> None:
    binds: list[bytes] = []

    def respond(tag: int, operation: bytes) -> list[bytes]:
        if tag == BIND:
            binds.append(operation)
            return [result(BIND_RESPONSE, 0)]
        return []

    server = Responder(respond)
    helper = serve(server.url, keys=AS_NAMED)
    check_login(helper, b"alice@x.example pw9", OK)
    wait_until(lambda: b"uid=alice" not in binds[-1], "an anonymous bind")
    assert b"uid=alice" in binds[-2]
    assert b"pw9" in binds[-2]
    server.close()


def test_rejected_anonymous_bind_closes_the_connection(serve: Serve) -> None:
    binds: list[bytes] = []

    def respond(tag: int, operation: bytes) -> list[bytes]:
        binds.append(operation)
        return [result(BIND_RESPONSE, 0 if b"uid=" in operation else 48)] if tag == BIND else []

    server = Responder(respond)
    helper = serve(server.url, keys=AS_NAMED)
    check_login(helper, b"alice@x.example pw9", OK)
    wait_until(lambda: b"uid=alice" not in binds[-1], "an anonymous bind")
    before = len(server.connections)
    check_login(helper, b"alice@x.example pw9", OK)
    assert len(server.connections) == before + 1
    server.close()


@pytest.mark.parametrize("code", [51, 52])
def test_next_server_is_asked_if_one_is_busy(serve: Serve, slapd: Slapd, code: int) -> None:
    server = Responder(lambda tag, _: [result(BIND_RESPONSE, code)] if tag == BIND else [])
    check_login(serve(server.url, slapd.url), ALICE, OK)
    server.close()


def test_search_reference_is_not_followed(serve: Serve) -> None:
    elsewhere = TestServer()
    reference = (
        b"\x73" + bytes([len(elsewhere.url) + 2]) + b"\x04" + bytes([len(elsewhere.url)]) + elsewhere.url.encode()
    )

    def respond(tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH:
            return [reference, found("cn=a"), result(SEARCH_DONE, 0)]
        return [result(BIND_RESPONSE, 0)] if tag == BIND else []

    server = Responder(respond)
    check_login(serve(server.url, keys=PEOPLE_BY_UID), b"alice@x.example pw9", OK)
    assert not elsewhere.connections
    server.close()
    elsewhere.close()


def test_group_beyond_the_first_values_is_compared_by_the_server(serve: Serve) -> None:
    """Active Directory sends at most 1500 values of memberOf."""
    values = element(0x30, b"\x04\x15memberOf;range=0-1499" + element(0x31, element(0x04, b"cn=a,dc=x")))
    entry = element(0x64, element(0x04, b"uid=alice,dc=x") + element(0x30, values))

    def respond(tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH and b"cn=mail,ou=groups" in operation:
            return [found("uid=alice,dc=x")] * (b"uid=alice" in operation) + [result(SEARCH_DONE, 0)]
        return [entry, result(SEARCH_DONE, 0)] if tag == SEARCH else [result(BIND_RESPONSE, 0)]

    server = Responder(respond)
    helper = serve(server.url, keys=f"{PEOPLE_BY_UID}\n{MAIL}")
    check_login(helper, b"alice@x.example pw9", OK)
    server.close()


def test_password_in_a_server_text_is_not_logged(serve: Serve) -> None:
    server = Responder(lambda tag, _: [result(BIND_RESPONSE, 80, "was: hunter2 42")] if tag == BIND else [])
    helper = serve(server.url, keys=AS_NAMED)
    check_login(helper, b"alice@x.example hunter2 42", TEMPORARY, "withheld")
    assert not [line for line in helper.information if "hunter2" in line]
    server.close()

"""Concurrent logins: each gets its own verdict, and none delays another."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_servers import BIND, BIND_RESPONSE, SEARCH, SEARCH_DONE, Responder, found, result
from tests.backends.ldap.ldap_site import LOG, PEOPLE_BY_UID, READER, Serve, ldap_site, section
from tests.backends.ldap.slapd import Slapd
from tests.helper import Helper, Site, wait_until

CONCURRENCY = 8
SHORT = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 3"
LONG = "read_timeout = 9\noverall_timeout = 9"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts a helper with one worker and one backend that asks these servers."""
    (tmp_path / "site").mkdir()
    site: Site = ldap_site(tmp_path / "site")

    def serve(*urls: str, keys: str = PEOPLE_BY_UID, times: str = SHORT) -> Helper:
        backend = section("x", keys, times, servers=", ".join(map(repr, urls)))
        site.configure(LOG + backend.replace("connections = 1", f"connections = {CONCURRENCY}"))
        return site.serve()

    yield serve
    for helper in site.helpers:
        helper.kill()


class PausableServer(Responder):
    """Finds every user, and accepts the password `right-NAME` for NAME.

    It does not respond to binds of users called `slow...`. While `paused` is set, it responds to no user's bind.
    """

    def __init__(self) -> None:
        self.paused = threading.Event()
        self.waiting: list[str] = []
        self.bound: dict[int, str] = {}
        super().__init__(self._respond)

    def _respond(self, tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH:
            name = _value_after(rb"uid\x04", operation)
            return [found(f"uid={name},dc=x"), result(SEARCH_DONE, 0)]
        if tag != BIND:
            return []
        name = "".join(re.findall(r"uid=(\w+),dc=x", operation.decode(errors="replace")))
        if name.startswith("slow") or (name and self.paused.is_set()):
            self.bound[threading.get_ident()] = ""  # a bind replaces the one before it, also while it is under way
            self.waiting.append(name)
            return []
        is_right = not name or _value_after(rb",dc=x\x80", operation) == f"right-{name}"
        self.bound[threading.get_ident()] = name if is_right else ""
        return [result(BIND_RESPONSE, 0 if is_right else 49)]

    def wait_for_waiting(self, count: int) -> None:
        """Wait until that many binds wait for a response."""
        wait_until(lambda: len(self.waiting) >= count, f"{count} waiting binds")


def _value_after(start: bytes, operation: bytes) -> str:
    """Return the value after `start`. Its size is before it."""
    match = re.search(start + rb"(.)", operation, re.DOTALL)
    assert match is not None
    return operation[match.end() : match.end() + match[1][0]].decode()


@pytest.fixture
def server() -> Iterator[PausableServer]:
    server = PausableServer()
    yield server
    server.close()


def login(name: str, password: str = "") -> bytes:
    """Return a request. Its number is the name."""
    return f"{name} VRFY {name}@x.example {password or f'right-{name}'}".encode()


def test_concurrent_logins_get_their_own_verdicts(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url)
    names = [f"u{number}" for number in range(600)]
    wrong = set(names[::3]) | set(names[::7])
    helper.send(*(login(name, f"right-u{number + 1}" if name in wrong else "") for number, name in enumerate(names)))
    replies = dict(line.decode().split(" ", 1) for line in helper.wait_for_replies(600))
    assert replies == {name: "ERROR incorrect password" if name in wrong else "OK" for name in names}
    assert len(server.connections) <= CONCURRENCY + 1


def test_concurrent_logins_at_a_real_directory(serve: Serve, slapd: Slapd) -> None:
    helper = serve(slapd.url, keys=f"{READER}\n{PEOPLE_BY_UID}")
    kinds = [
        ("alice", "open sesame", "OK"),
        ("alice", "pw9", "ERROR incorrect password"),
        ("bob", "pw9", "OK"),
        ("nobody", "pw9", "ERROR incorrect password"),
        ("bob", "open sesame", "ERROR incorrect password"),
        ("twin", "pw9", "ERROR incorrect password"),
        ("deep", "pw9", "OK"),
        ("locked", "pw9", "ERROR incorrect password"),
    ]
    cases = [(f"n{number}", *kinds[number % len(kinds)]) for number in range(400)]
    helper.send(*(f"{number} VRFY {name}@x.example {password}".encode() for number, name, password, _ in cases))
    replies = dict(line.decode().split(" ", 1) for line in helper.wait_for_replies(400))
    assert replies == {number: reply for number, _, _, reply in cases}


def test_connections_limits_concurrent_logins(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url, times=LONG)
    assert helper.ask(login("first")) == b"OK"
    threads = max(len(list(Path(f"/proc/{worker}/task").iterdir())) for worker in helper.processes("worker"))
    assert threads < CONCURRENCY, "all logins run in one thread"
    server.paused.set()
    helper.send(*(login(f"u{number}") for number in range(3 * CONCURRENCY)))
    server.wait_for_waiting(CONCURRENCY)
    assert len(server.connections) == CONCURRENCY + 1
    assert not helper.replies


def test_hanging_logins_do_not_delay_others(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url, times=LONG)
    for number in range(CONCURRENCY - 1):
        helper.send(login(f"slow{number}"))
        server.wait_for_waiting(number + 1)
        assert helper.ask(login(f"u{number}")) == b"OK"
    helper.send(*(login(f"more{number}") for number in range(50)))
    assert set(helper.wait_for_replies(50)) == {b"more%d OK" % number for number in range(50)}


def test_hanging_server_costs_one_timeout_and_serves_again(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url)
    helper.send(*(login(f"before{number}") for number in range(50)))
    helper.wait_for_replies(50)
    helper.replies.clear()
    server.paused.set()
    names = [f"u{number}" for number in range(CONCURRENCY)]
    helper.send(*map(login, names))
    server.wait_for_waiting(CONCURRENCY)
    assert set(helper.wait_for_replies(CONCURRENCY)) == {f"{name} ERROR temporary failure".encode() for name in names}
    for name in names:
        helper.wait_for_information(f"account={name}@.*: no response in time")
    helper.replies.clear()
    server.paused.clear()
    helper.send(*map(login, names))
    assert set(helper.wait_for_replies(CONCURRENCY)) == {f"{name} OK".encode() for name in names}


def test_dying_server_moves_all_logins_to_the_next(serve: Serve, server: PausableServer) -> None:
    dying = PausableServer()
    helper = serve(dying.url, server.url)
    assert helper.ask(login("first")) == b"OK"
    dying.paused.set()
    names = [f"u{number}" for number in range(CONCURRENCY)]
    wrong = set(names[::3])
    helper.send(*(login(name, "wrong" if name in wrong else "") for name in names))
    dying.wait_for_waiting(CONCURRENCY)
    dying.close()
    replies = dict(line.decode().split(" ", 1) for line in helper.wait_for_replies(CONCURRENCY))
    assert replies == {name: "ERROR incorrect password" if name in wrong else "OK" for name in names}


def test_idle_connections_that_were_cut_are_opened_again_silently(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url)
    for _ in range(2):
        helper.replies.clear()
        helper.send(*(login(f"u{number}") for number in range(50)))
        assert set(helper.wait_for_replies(50)) == {b"u%d OK" % number for number in range(50)}
        server.cut()
    assert not [line for line in helper.information if "unavailable" in line]


def test_received_bind_is_not_repeated_at_the_same_server(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url)
    server.paused.set()
    helper.send(login("u1"))
    server.wait_for_waiting(1)
    server.cut()
    assert helper.reply(b"u1") == b"ERROR temporary failure"
    assert server.waiting == ["u1"]
    server.paused.clear()
    assert helper.ask(login("u1")) == b"OK"


def test_after_concurrent_logins_no_user_stays_bound(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url)
    helper.send(*(login(f"u{number}") for number in range(100)))
    helper.wait_for_replies(100)
    wait_until(lambda: not any(server.bound.values()), "anonymous binds on all connections")


def test_no_user_stays_bound_while_another_login_waits(serve: Serve, server: PausableServer) -> None:
    helper = serve(server.url, times=LONG)
    helper.send(*(login(f"slow{number}") for number in range(2)), *(login(f"u{number}") for number in range(100)))
    helper.wait_for_replies(100)
    server.wait_for_waiting(2)
    wait_until(lambda: not any(server.bound.values()), "anonymous binds on all connections")
    assert len(helper.replies) == 100

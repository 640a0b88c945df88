"""Several logins under way at once: each gets its own verdict, and none suffers for another; over both engines."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_servers import BIND, BIND_ANSWER, SEARCH, SEARCH_DONE, Responder, found, result
from tests.backends.ldap.ldap_site import ENTRIES, LOG, PEOPLE, PEOPLE_BY_UID, READER, ldap_site, section
from tests.backends.ldap.slapd import Slapd
from tests.helper import Helper, Site, wait_until

AT_ONCE = 8
QUICKLY = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 3"
PATIENTLY = "read_timeout = 9\noverall_timeout = 9"

Serve = Callable[..., Helper]


@pytest.fixture(params=["ldap3", "python-ldap"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    slapd = Slapd(tmp_path / "slapd", ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


@pytest.fixture
def serve(engine: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts a helper with one worker, whose one backend asks these servers, so many logins at once."""
    (tmp_path / "site").mkdir()
    site: Site = ldap_site(tmp_path / "site")

    def serve(*urls: str, keys: str = PEOPLE_BY_UID, times: str = QUICKLY) -> Helper:
        backend = section(engine, "x", keys, times, servers=", ".join(map(repr, urls)))
        site.configure(LOG + backend.replace("connections = 1", f"connections = {AT_ONCE}"))
        return site.serve()

    yield serve
    for helper in site.helpers:
        helper.kill()


class Desk(Responder):
    """Finds everybody, takes `right-NAME` for NAME's password, and keeps those waiting who are called `slow...`.

    Others, too, as long as `holds` is set.
    """

    def __init__(self) -> None:
        self.holds = threading.Event()
        self.held: list[str] = []
        self.bound: dict[int, str] = {}
        super().__init__(self._say)

    def _say(self, tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH:
            name = _behind(rb"uid\x04", operation)
            return [found(f"uid={name},dc=x"), result(SEARCH_DONE, 0)]
        if tag != BIND:
            return []
        name = "".join(re.findall(r"uid=(\w+),dc=x", operation.decode(errors="replace")))
        if name.startswith("slow") or (name and self.holds.is_set()):
            self.held.append(name)
            return []
        is_right = not name or _behind(rb",dc=x\x80", operation) == f"right-{name}"
        self.bound[threading.get_ident()] = name if is_right else ""
        return [result(BIND_ANSWER, 0 if is_right else 49)]

    def wait_for_held(self, count: int) -> None:
        """Wait until so many have been kept waiting."""
        wait_until(lambda: len(self.held) >= count, f"{count} that are kept waiting")


def _behind(start: bytes, operation: bytes) -> str:
    """The value that follows, with its size before it."""
    match = re.search(start + rb"(.)", operation, re.DOTALL)
    assert match is not None
    return operation[match.end() : match.end() + match[1][0]].decode()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def login(name: str, password: str = "") -> bytes:
    """A request, numbered by the name itself."""
    return f"{name} VRFY {name}@x.example {password or f'right-{name}'}".encode()


def test_of_many_logins_at_once_each_gets_its_own_verdict(serve: Serve, desk: Desk) -> None:
    helper = serve(desk.url)
    names = [f"u{number}" for number in range(600)]
    wrong = set(names[::3]) | set(names[::7])
    helper.send(*(login(name, f"right-u{number + 1}" if name in wrong else "") for number, name in enumerate(names)))
    replies = dict(line.decode().split(" ", 1) for line in helper.wait_for_replies(600))
    assert replies == {name: "ERROR incorrect password" if name in wrong else "OK" for name in names}
    assert len(desk.connections) <= 2 * AT_ONCE


def test_of_many_logins_at_a_real_directory_each_gets_its_own_verdict(serve: Serve, slapd: Slapd) -> None:
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


def test_so_many_are_under_way_and_no_more(serve: Serve, desk: Desk, engine: str) -> None:
    helper = serve(desk.url, times=PATIENTLY)
    if engine == "python-ldap":
        assert helper.ask(login("first")) == b"OK"
        threads = len(list(Path(f"/proc/{helper.descendants()[-1]}/task").iterdir()))
        assert threads < AT_ONCE, "each has several under way"
    desk.holds.set()
    helper.send(*(login(f"u{number}") for number in range(3 * AT_ONCE)))
    desk.wait_for_held(AT_ONCE)
    assert len(desk.connections) == 2 * AT_ONCE
    assert not helper.replies


def test_those_that_hang_hold_no_other_one(serve: Serve, desk: Desk) -> None:
    helper = serve(desk.url, times=PATIENTLY)
    for number in range(AT_ONCE - 1):
        helper.send(login(f"slow{number}"))
        desk.wait_for_held(number + 1)
        assert helper.ask(login(f"u{number}")) == b"OK"
    helper.send(*(login(f"more{number}") for number in range(50)))
    assert set(helper.wait_for_replies(50)) == {b"more%d OK" % number for number in range(50)}


def test_a_server_that_hangs_costs_all_that_are_under_way_one_timeout_and_then_serves_again(
    serve: Serve, desk: Desk
) -> None:
    helper = serve(desk.url)
    helper.send(*(login(f"before{number}") for number in range(50)))
    helper.wait_for_replies(50)
    helper.replies.clear()
    desk.holds.set()
    names = [f"u{number}" for number in range(AT_ONCE)]
    helper.send(*map(login, names))
    desk.wait_for_held(AT_ONCE)
    assert set(helper.wait_for_replies(AT_ONCE)) == {f"{name} ERROR temporary failure".encode() for name in names}
    for name in names:
        helper.wait_for_information(f"account={name}@.*: no answer in time")
    helper.replies.clear()
    desk.holds.clear()
    helper.send(*map(login, names))
    assert set(helper.wait_for_replies(AT_ONCE)) == {f"{name} OK".encode() for name in names}


def test_a_server_that_dies_has_the_next_one_asked_for_each_that_is_under_way(serve: Serve, desk: Desk) -> None:
    dying = Desk()
    helper = serve(dying.url, desk.url)
    assert helper.ask(login("first")) == b"OK"
    dying.holds.set()
    names = [f"u{number}" for number in range(AT_ONCE)]
    wrong = set(names[::3])
    helper.send(*(login(name, "wrong" if name in wrong else "") for name in names))
    dying.wait_for_held(AT_ONCE)
    dying.close()
    replies = dict(line.decode().split(" ", 1) for line in helper.wait_for_replies(AT_ONCE))
    assert replies == {name: "ERROR incorrect password" if name in wrong else "OK" for name in names}


def test_those_whose_connections_are_cut_connect_anew_without_a_word(serve: Serve, desk: Desk) -> None:
    helper = serve(desk.url)
    helper.send(*(login(f"before{number}") for number in range(50)))
    helper.wait_for_replies(50)
    helper.replies.clear()
    desk.holds.set()
    helper.send(*(login(f"u{number}") for number in range(AT_ONCE)))
    desk.wait_for_held(AT_ONCE)
    desk.holds.clear()
    desk.cut()
    assert set(helper.wait_for_replies(AT_ONCE)) == {b"u%d OK" % number for number in range(AT_ONCE)}
    assert not [line for line in helper.information if "out of reach" in line]


def test_after_many_at_once_nobody_is_bound(serve: Serve, desk: Desk) -> None:
    helper = serve(desk.url)
    helper.send(*(login(f"u{number}") for number in range(100)))
    helper.wait_for_replies(100)
    wait_until(lambda: not any(desk.bound.values()), "that nobody is bound any more")


def test_nobody_stays_bound_while_another_one_is_kept_waiting(serve: Serve, desk: Desk) -> None:
    helper = serve(desk.url, times=PATIENTLY)
    helper.send(*(login(f"slow{number}") for number in range(2)), *(login(f"u{number}") for number in range(100)))
    helper.wait_for_replies(100)
    desk.wait_for_held(2)
    wait_until(lambda: not any(desk.bound.values()), "that nobody is bound any more")
    assert len(helper.replies) == 100

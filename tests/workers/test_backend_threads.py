"""Requests do not wait for other backends, nor for many requests of another account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.ldap.ldap_site import ENTRIES, PEOPLE, PEOPLE_BY_UID, READER, ldap_site, section
from tests.backends.ldap.slapd import Slapd
from tests.helper import Site
from tests.plugins import ScriptedSite, plugin


@pytest.fixture
def slapd(site: Site) -> Iterator[Slapd]:
    slapd = Slapd(site.folder / "slapd", ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


def test_many_requests_for_one_account_do_not_delay_another(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    helper.send(*(b"m%d VRFY mallory@example.com wait" % number for number in range(32)))
    scripted.wait_for("wait", 4)  # every thread is busy
    helper.send(b"a VRFY alice@example.com yes", b"b VRFY bob@example.org password")
    assert helper.reply(b"b") == b"OK"  # alice's request was read before, so it is in the queue
    scripted.release()
    scripted.wait_for("wait", 5)  # mallory's request that came before alice's
    scripted.release()
    assert helper.reply(b"a") == b"OK"
    assert len(helper.replies) <= 3
    scripted.release(32)
    assert len(helper.wait_for_replies(32)) == 32


def test_frozen_directory_does_not_block_other_domains(site: Site, slapd: Slapd) -> None:
    ldap_site(site.folder)
    site.write("passwd", "bob@files.example:{PLAIN}password\n")
    files = '[[backend]]\ntype = "files"\ndomains = ["files.example"]\npath = "passwd"\n'
    site.configure(section("x", READER, PEOPLE_BY_UID, servers=repr(slapd.url)) + files)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@x.example open sesame") == b"OK"
    slapd.freeze()
    helper.send(*(b"h%d VRFY alice@x.example open sesame" % number for number in range(1000)))
    for number in range(100):
        assert helper.ask(b"%d VRFY bob@files.example password" % number) == b"OK"
    assert not helper.replies


def test_finished_results_do_not_wait_for_a_hanging_check(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    actions = [b"yes"] * 500 + [b"wait"] * 4 + [b"yes"] * 10
    helper.send(*(b"%d VRFY a%d@example.com %s" % (n, n, action) for n, action in enumerate(actions)))
    scripted.wait_for("wait", 4)  # every thread hangs, and the queue is not empty
    assert set(helper.wait_for_replies(500)) == {b"%d OK" % n for n in range(500)}
    scripted.release(4)
    assert len(helper.wait_for_replies(514)) == 514


def test_requests_are_spread_over_workers_after_fast_results(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.send(*(b"%d VRFY user%d@example.com yes" % (number, number) for number in range(1000)))
    helper.wait_for_replies(1000)
    for count in (2, 4):
        helper.send(*(b"%d VRFY user%d@example.com wait" % (number, number) for number in range(2)))
        assert len(set(scripted.wait_for("wait", count)[-2:])) == 2
        scripted.release(2)
        helper.wait_for_replies(1000 + count)


def test_one_thread_checks_one_request_at_a_time(scripted: ScriptedSite) -> None:
    source = plugin("scripted_backend.py")
    scripted.site.write("scripted_backend.py", source.replace("def open(", "concurrency = 1\n\n    def open("))
    helper = scripted.serve()
    helper.send(*(b"%d VRFY alice@example.com wait" % number for number in range(3)))
    for number in range(1, 4):
        scripted.wait_for("wait", number)
        assert helper.ask(b"x VRFY bob@example.org password") == b"OK"
        assert len(scripted.processes("wait")) == number
        scripted.release()
    assert sorted(helper.wait_for_replies(3)) == [b"0 OK", b"1 OK", b"2 OK"]
    assert helper.end() == 0


def test_backend_opens_and_closes_once_per_worker(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.send(*(b"%d VRFY alice@example.com yes" % number for number in range(100)))
    helper.wait_for_replies(100)
    assert helper.end() == 0
    opened = scripted.processes("open")
    assert len(set(opened)) >= 2  # the spare worker may end before it opens the backend
    assert sorted(opened) == sorted(set(opened)) == sorted(scripted.processes("close"))

"""Nobody waits for somebody else's backend, nor for somebody else's crowd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.ldap.ldap_site import ENTRIES, PEOPLE, PEOPLE_BY_UID, READER, ldap_site, section
from tests.backends.ldap.slapd import Slapd
from tests.helper import Site
from tests.plugins import Stage


@pytest.fixture
def slapd(site: Site) -> Iterator[Slapd]:
    slapd = Slapd(site.folder / "slapd", ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


def test_a_crowd_at_one_account_holds_no_other_one_back(stage: Stage) -> None:
    helper = stage.serve()
    helper.send(*(b"m%d VRFY mallory@example.com wait" % number for number in range(32)))
    stage.wait_for("wait", 4)  # every thread is taken
    helper.send(b"a VRFY alice@example.com yes", b"b VRFY bob@example.org password")
    assert helper.reply(b"b") == b"OK"  # then alice, who was read before, waits in the queue
    stage.release()
    stage.wait_for("wait", 5)  # the one of mallory's that came before her
    stage.release()
    assert helper.reply(b"a") == b"OK"
    assert len(helper.replies) <= 3
    stage.release(32)
    assert len(helper.wait_for_replies(32)) == 32


@pytest.mark.parametrize("engine", ["ldap3", "python-ldap"])
def test_a_thousand_requests_that_hang_on_a_frozen_directory_hold_no_other_domain(
    site: Site, slapd: Slapd, engine: str
) -> None:
    ldap_site(site.folder)
    site.write("passwd", "bob@files.example:{PLAIN}password\n")
    files = '[[backend]]\ntype = "files"\ndomains = ["files.example"]\npath = "passwd"\n'
    site.configure(section(engine, "x", READER, PEOPLE_BY_UID, servers=repr(slapd.url)) + files)
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@x.example open sesame") == b"OK"
    slapd.freeze()
    helper.send(*(b"h%d VRFY alice@x.example open sesame" % number for number in range(1000)))
    for number in range(100):
        assert helper.ask(b"%d VRFY bob@files.example password" % number) == b"OK"
    assert not helper.replies


def test_no_answer_waits_for_a_check_that_hangs_behind_it(stage: Stage) -> None:
    helper = stage.serve()
    orders = [b"yes"] * 500 + [b"wait"] * 4 + [b"yes"] * 10
    helper.send(*(b"%d VRFY a%d@example.com %s" % (n, n, order) for n, order in enumerate(orders)))
    stage.wait_for("wait", 4)  # every thread hangs, and more waits in the queue
    assert set(helper.wait_for_replies(500)) == {b"%d OK" % n for n in range(500)}
    stage.release(4)
    assert len(helper.wait_for_replies(514)) == 514


def test_what_comes_together_after_quick_answers_of_threads_is_shared_out(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2")
    helper.send(*(b"%d VRFY user%d@example.com yes" % (number, number) for number in range(1000)))
    helper.wait_for_replies(1000)
    for count in (2, 4):
        helper.send(*(b"%d VRFY user%d@example.com wait" % (number, number) for number in range(2)))
        assert len(set(stage.wait_for("wait", count)[-2:])) == 2
        stage.release(2)
        helper.wait_for_replies(1000 + count)

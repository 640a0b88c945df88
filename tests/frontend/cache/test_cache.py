"""The verdict cache in the running helper: which passwords are checked again, and what clears the cache."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from tests.frontend.cache.support import (
    LOG_ALL_VERDICTS,
    NEGATIVE,
    OK,
    TEMPORARY,
    ask,
    count_lines,
)
from tests.helper import Helper, Site, wait_for_serving, wait_until
from tests.plugins import ScriptedSite, plugin


def _has_lines(helper: Helper, pattern: str, count: int) -> bool:
    return count_lines(helper, pattern) == count


def test_right_password_is_checked_once_for_all_account_spellings(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    for address in ("alice@example.com", "ALICE@example.com", "(IMAP) alice@Example.Com.", "alice@example.com"):
        assert helper.ask(f"1 VRFY {address} yes".encode()) == OK
        assert helper.ask(f"2 VRFY {address} yes".encode()) == OK
    assert len(scripted.processes("yes")) == 1


def test_each_wrong_password_is_checked_once(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    for _ in range(3):
        assert ask(helper, "alice", "no") == NEGATIVE
        assert ask(helper, "alice", "no/again") == NEGATIVE
        assert ask(helper, "bob", "no") == NEGATIVE
    assert len(scripted.processes("no")) == 3


def test_cache_hit_is_logged(scripted: ScriptedSite) -> None:
    helper = scripted.serve(sections=f"[cache]\n{LOG_ALL_VERDICTS}")
    for name, password, verdict in (("alice", "yes", "OK"), ("bob", "no", "PASSWORD_MISMATCH")):
        for _ in range(5):  # from the third on, the line is cached, too
            ask(helper, name, password)
        pattern = f"account={name}@example.com command=VRFY verdict={verdict} backend=scripted time=[0-9.]+ seq=[0-9]+"
        helper.wait_for(partial(_has_lines, helper, f"{pattern} cache=hit", 4), "four cache hits in the log")
        assert count_lines(helper, pattern) == 1


def test_nothing_is_cached_without_a_cache_section(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    for _ in range(2):
        assert ask(helper, "alice", "yes") == OK
    assert len(scripted.processes("yes")) == 2


def test_accepted_password_replaces_the_previous_one(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    for password in ("old", "new", "new", "old"):
        assert ask(helper, "alice", password) == OK
    assert len(scripted.processes("old")) == 2
    assert len(scripted.processes("new")) == 1


def test_wrong_passwords_do_not_evict_right_ones(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\nsize = 2\n{log_section}")
    assert ask(helper, "alice", "yes") == OK
    for number in range(10):
        assert ask(helper, "alice", f"no/{number}") == NEGATIVE
    assert ask(helper, "alice", "yes") == OK
    assert len(scripted.processes("yes")) == 1
    assert ask(helper, "alice", "no/9") == NEGATIVE
    assert len(scripted.processes("no")) == 10
    for name in ("bob", "carol"):
        assert ask(helper, name, "yes") == OK
    assert ask(helper, "alice", "yes") == OK
    assert len(scripted.processes("yes")) == 4, "the oldest of three is evicted"


@pytest.mark.parametrize(("password", "reply"), [("yes", OK), ("no", NEGATIVE)])
def test_cached_verdict_expires(scripted: ScriptedSite, log_section: str, password: str, reply: bytes) -> None:
    helper = scripted.serve(sections=f"[cache]\nttl = 0.1\nnegative_ttl = 0.1\n{log_section}")

    def is_checked_again() -> bool:
        assert ask(helper, "alice", password) == reply
        return len(scripted.processes(password)) > 1

    wait_until(is_checked_again, "a second check")


def test_changed_file_clears_the_cache(site: Site, log_section: str) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}old\n")
    site.configure(f'{log_section}[cache]\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    assert [ask(helper, "alice", password) for password in ("old", "new", "old", "new")] == [OK, NEGATIVE, OK, NEGATIVE]
    site.write("passwd", "alice@example.com:{PLAIN}new\n")
    wait_for_serving(helper, 2)
    assert [ask(helper, "alice", password) for password in ("old", "new", "old", "new")] == [NEGATIVE, OK, NEGATIVE, OK]


def test_verdict_from_before_a_reload_is_not_cached(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    helper.send(b"1 VRFY alice@example.com wait", b"2 VRFY alice@example.com wait")
    scripted.wait_for("wait")
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    helper.send(b"3 VRFY alice@example.com wait")
    scripted.wait_for("wait", 2)
    scripted.release(2)
    assert sorted(helper.wait_for_replies(3)) == [b"1 OK", b"2 OK", b"3 OK"]
    helper.send(b"4 VRFY alice@example.com wait")
    assert helper.reply(b"4") == OK
    assert len(scripted.processes("wait")) == 2


def test_later_workers_inherit_no_cached_data(site: Site) -> None:
    site.write("memory_inspector.py", plugin("memory_inspector.py"))
    site.configure('[cache]\n[[backend]]\ntype = "memory_inspector.py:MemoryInspector"\n')
    helper = site.serve()
    assert ask(helper, "alice", "password") == OK
    helper.send(b"2 VRFY alice@example.com wait")
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    assert ask(helper, "alice", "password") == OK


def test_reload_can_disable_the_cache_while_requests_wait(scripted: ScriptedSite) -> None:
    helper = scripted.serve(sections="[cache]\n")
    helper.send(b"a VRFY alice@example.com wait", b"b VRFY alice@example.com wait")
    scripted.wait_for("wait")
    scripted.configure()
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    scripted.release()
    assert sorted(helper.wait_for_replies(2)) == [b"a OK", b"b OK"]
    for _ in range(2):
        assert ask(helper, "alice", "yes") == OK
    assert len(scripted.processes("yes")) == 2


def test_late_verdict_is_not_cached(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 0.3", sections="[cache]\n")
    assert ask(helper, "alice", "wait") == TEMPORARY
    scripted.release()
    helper.send(b"2 VRFY alice@example.com wait")
    scripted.wait_for("wait", 2)
    scripted.release()
    assert helper.reply(b"2") == OK


@pytest.mark.parametrize("emergency", ["", "emergency = true\n"])
def test_fallback_verdict_is_not_cached_while_a_backend_is_unavailable(emergency: str, site: Site) -> None:
    site.write("fixed_result.py", plugin("fixed_result.py"))
    backend = '[[backend]]\ntype = "fixed_result.py:FixedResult"\nname = "{0}"\nresult = "{0}"\n'
    site.configure(f"[cache]\n{LOG_ALL_VERDICTS}{backend.format('unavailable')}{backend.format('OK')}{emergency}")
    helper = site.serve()
    for _ in range(3):
        assert ask(helper, "alice", "x") == OK
    helper.wait_for(lambda: sum("verdict=OK" in line for line in helper.information) == 3, "three log lines")
    assert not [line for line in helper.information if "cache=hit" in line]


def test_challenge_responses_are_not_cached(site: Site) -> None:
    site.write("passwd", "tim@example.com:{PLAIN}tanstaaftanstaaf\n")
    site.configure(f'[cache]\n{LOG_ALL_VERDICTS}[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    line = b"SASL(CRAM-MD5) tim@example.com 3dbc88f0624776a737b39093f6eb6427 <1896.697170952@postoffice.example.net>"
    for number in (b"1 ", b"2 "):
        assert helper.ask(number + line) == OK
    helper.wait_for(
        lambda: sum("command=SASL mechanism=CRAM-MD5" in line for line in helper.information) == 2, "two log lines"
    )
    assert not [line for line in helper.information if "cache=hit" in line]


def test_verdict_older_than_an_accepted_password_is_not_cached(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    for count in (1, 2):
        helper.send(b"%d VRFY alice@example.com wait/old" % count)
        scripted.wait_for("wait", count)
        assert ask(helper, "alice", f"yes/{count}") == OK
        scripted.release()
        assert helper.reply(b"%d" % count) == OK

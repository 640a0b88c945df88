"""Backends that check in steps: their bugs let nobody in and block no other request."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.helper import Site, wait_until
from tests.plugins import ScriptedSite, plugin, scripted_site

TEMPORARY = b"ERROR temporary failure"
NEGATIVE = b"ERROR incorrect password"


@pytest.fixture
def scripted(site: Site) -> Iterator[ScriptedSite]:
    with scripted_site(site) as scripted:
        os.mkfifo(site.folder / "hang")
        source = plugin("scripted_steps.py")
        site.write("scripted_backend.py", source.replace("class ScriptedSteps", "class ScriptedBackend"))
        yield scripted


def test_concurrent_checks_return_their_own_verdicts(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    actions = [b"yes", b"no", b"yes", b"wrong", b"an iterator of verdicts"]
    helper.send(*(b"%d VRFY a%d@example.com %s/%d" % (n, n, actions[n % 5], n) for n in range(200)))
    replies = [b"OK", NEGATIVE, b"OK", NEGATIVE, TEMPORARY]
    assert sorted(helper.wait_for_replies(200)) == sorted(b"%d %s" % (n, replies[n % 5]) for n in range(200))


def test_concurrency_in_one_thread_is_limited(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(3)))
    scripted.wait_for("wait begins", 3)
    for number in range(20):
        assert helper.ask(b"%d VRFY a%d@example.com yes" % (number, number)) == b"OK"
    helper.send(*(b"x%d VRFY x%d@example.com wait" % (n, n) for n in range(3)))
    scripted.wait_for("wait begins", 4)
    assert helper.ask(b"b VRFY bob@example.org password") == b"OK"
    assert len(scripted.processes("wait begins")) == 4
    scripted.release(6)
    assert all(line.endswith(b" OK") for line in helper.wait_for_replies(6))


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("no generator", "TypeError"),
        ("an iterator of verdicts", "TypeError|AttributeError|yielded Verdict"),
        ("raise at once", "ValueError at .*scripted_backend.py"),
        ("raise later", "ValueError at .*scripted_backend.py"),
        ("exit", "SystemExit at .*scripted_backend.py"),
        ("stop", "RuntimeError at "),
        ("unavailable", "connection refused"),
        ("temporary failure", "result 42"),
        ("yield a verdict", "verify_in_steps yielded Verdict"),
        ("yield a number", "verify_in_steps yielded int"),
        ("yield a negative descriptor", "must be a Wait with a descriptor"),
        ("yield a large descriptor", "must be a Wait with a descriptor"),
        ("yield no number", "must be a Wait with a descriptor"),
        ("yield no time", "must be a Wait with a descriptor"),
        ("return true", "verify_in_steps returned bool"),
        ("return nothing", "verify_in_steps returned NoneType"),
    ],
)
def test_invalid_steps_fail_temporarily(scripted: ScriptedSite, action: str, error: str) -> None:
    helper = scripted.serve()
    assert helper.ask(f"1 VRFY alice@example.com {action}".encode()) == TEMPORARY
    helper.wait_for_information(f"account=alice@.*({error})")
    assert helper.ask(b"2 VRFY alice@example.com yes") == b"OK"


@pytest.mark.parametrize("wait", ["a closed descriptor", "the beginning of time"])
def test_impossible_wait_ends_at_once(scripted: ScriptedSite, wait: str) -> None:
    helper = scripted.serve()
    assert helper.ask(f"1 VRFY alice@example.com yield {wait}".encode()) == NEGATIVE


@pytest.mark.parametrize("action", ["for ever", "for ever long", "at once for ever"])
def test_deadline_stops_endless_steps(scripted: ScriptedSite, action: str) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 1")
    helper.send(*(f"{n} VRFY a{n}@example.com {action}".encode() for n in range(6)))
    scripted.wait_for(f"{action} begins", 4)
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(6)} == {TEMPORARY}
    scripted.wait_for(f"{action} ends", 4)
    helper.replies.clear()
    assert helper.ask(b"y VRFY alice@example.com yes") == b"OK"


def test_hanging_long_step_does_not_block_other_checks(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    helper.send(*(b"h%d VRFY h%d@example.com long and hang" % (n, n) for n in range(3)))
    scripted.wait_for("long and hang begins", 3)
    for number in range(20):
        assert helper.ask(b"%d VRFY a%d@example.com yes" % (number, number)) == b"OK"
    assert not helper.replies


def _add_timeout(site: Site) -> None:
    configuration = site.config.read_text()
    site.configure(configuration.replace('name = "scripted"', 'name = "scripted"\ntimeout = 0.2'))


def test_worker_is_replaced_when_all_long_steps_hang(scripted: ScriptedSite) -> None:
    scripted.configure()
    _add_timeout(scripted.site)
    helper = scripted.site.serve()
    helper.send(*(b"h%d VRFY h%d@example.com long and hang" % (n, n) for n in range(4)))
    scripted.wait_for("long and hang begins", 4)
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(4)} == {TEMPORARY}
    (worker,) = set(scripted.processes("long and hang begins"))
    wait_until(lambda: helper.ask(b"y VRFY alice@example.com yes") == b"OK", "a worker that answers")
    assert scripted.wait_for("yes begins") != [worker]


def test_timed_out_checks_free_their_places(scripted: ScriptedSite) -> None:
    scripted.configure(settings="workers = 1\ndeadline = 60")
    _add_timeout(scripted.site)
    helper = scripted.site.serve()
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(4)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(4)} == {TEMPORARY}
    scripted.wait_for("wait ends", 4)
    assert helper.ask(b"y VRFY alice@example.com yes") == b"OK"
    assert sum("no verdict within its timeout" in line for line in helper.information) == 4


def test_other_commands_are_answered_while_password_checks_wait(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(3)))
    scripted.wait_for("wait begins", 3)
    assert helper.ask(b"0 INTF 9").startswith(b"INTF")
    assert helper.ask(b"1 NEW alice@example.com") == b"FAILURE account not created"
    scripted.release(3)
    helper.wait_for_replies(3)

"""A site's own backend whose checks go in steps: what it may not do never lets anybody in, nor holds anybody else."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from extauth.backends.steps import readable
from extauth.workers.fair_queue import WatchableQueue
from tests.helper import Site, wait_until
from tests.plugins import Stage, plugin, set_stage

TEMPORARY = b"ERROR temporary failure"
NEGATIVE = b"ERROR incorrect password"


@pytest.fixture
def stage(site: Site) -> Iterator[Stage]:
    with set_stage(site) as stage:
        os.mkfifo(site.folder / "hang")
        site.write("obeys.py", plugin("steps.py").replace("class InSteps", "class Obeys"))
        yield stage


def test_right_and_wrong_ones_get_their_own_verdicts(stage: Stage) -> None:
    helper = stage.serve()
    orders = [b"yes", b"no", b"yes", b"wrong", b"an iterator of verdicts"]
    helper.send(*(b"%d VRFY a%d@example.com %s/%d" % (n, n, orders[n % 5], n) for n in range(200)))
    replies = [b"OK", NEGATIVE, b"OK", NEGATIVE, TEMPORARY]
    assert sorted(helper.wait_for_replies(200)) == sorted(b"%d %s" % (n, replies[n % 5]) for n in range(200))


def test_in_one_thread_as_many_wait_as_it_takes_and_others_come_after_them(stage: Stage) -> None:
    helper = stage.serve()
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(3)))
    stage.wait_for("wait begins", 3)
    for number in range(20):
        assert helper.ask(b"%d VRFY a%d@example.com yes" % (number, number)) == b"OK"
    helper.send(*(b"x%d VRFY x%d@example.com wait" % (n, n) for n in range(3)))
    stage.wait_for("wait begins", 4)
    assert helper.ask(b"b VRFY bob@example.org password") == b"OK"
    assert len(stage.processes("wait begins")) == 4
    stage.release(6)
    assert all(line.endswith(b" OK") for line in helper.wait_for_replies(6))


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("no generator", "TypeError"),
        ("an iterator of verdicts", "TypeError|AttributeError|yielded Verdict"),
        ("raise at once", "ValueError at .*obeys.py"),
        ("raise later", "ValueError at .*obeys.py"),
        ("exit", "SystemExit at .*obeys.py"),
        ("stop", "RuntimeError at "),
        ("outage", "out of reach"),
        ("cannot tell", "it says 42"),
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
def test_nonsense_is_a_bug_and_lets_nobody_in(stage: Stage, order: str, told: str) -> None:
    helper = stage.serve()
    assert helper.ask(f"1 VRFY alice@example.com {order}".encode()) == TEMPORARY
    helper.wait_for_information(f"account=alice@.*({told})")
    assert helper.ask(b"2 VRFY alice@example.com yes") == b"OK"


@pytest.mark.parametrize("what", ["a closed descriptor", "the beginning of time"])
def test_what_cannot_be_waited_for_is_waited_for_by_nobody(stage: Stage, what: str) -> None:
    helper = stage.serve()
    assert helper.ask(f"1 VRFY alice@example.com yield {what}".encode()) == NEGATIVE


@pytest.mark.parametrize("order", ["for ever", "for ever long", "at once for ever"])
def test_steps_without_an_end_are_ended_by_the_deadline_and_others_go_on(stage: Stage, order: str) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 1")
    helper.send(*(f"{n} VRFY a{n}@example.com {order}".encode() for n in range(6)))
    stage.wait_for(f"{order} begins", 4)
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(6)} == {TEMPORARY}
    stage.wait_for(f"{order} ends", 4)
    helper.replies.clear()
    assert helper.ask(b"y VRFY alice@example.com yes") == b"OK"


def test_a_long_step_that_hangs_holds_no_other_one(stage: Stage) -> None:
    helper = stage.serve()
    helper.send(*(b"h%d VRFY h%d@example.com long and hang" % (n, n) for n in range(3)))
    stage.wait_for("long and hang begins", 3)
    for number in range(20):
        assert helper.ask(b"%d VRFY a%d@example.com yes" % (number, number)) == b"OK"
    assert not helper.replies


def test_a_worker_where_as_many_long_steps_hang_as_there_may_be_is_replaced(stage: Stage) -> None:
    stage.configure()
    stage.site.configure(stage.site.config.read_text().replace('name = "obeys"', 'name = "obeys"\ntimeout = 0.2'))
    helper = stage.site.serve()
    helper.send(*(b"h%d VRFY h%d@example.com long and hang" % (n, n) for n in range(4)))
    stage.wait_for("long and hang begins", 4)
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(4)} == {TEMPORARY}
    (worker,) = set(stage.processes("long and hang begins"))
    wait_until(lambda: helper.ask(b"y VRFY alice@example.com yes") == b"OK", "a worker that answers")
    assert stage.wait_for("yes begins") != [worker]


def test_who_has_been_given_up_on_leaves_room_for_others(stage: Stage) -> None:
    stage.configure(server="workers = 1\ndeadline = 60")
    stage.site.configure(stage.site.config.read_text().replace('name = "obeys"', 'name = "obeys"\ntimeout = 0.2'))
    helper = stage.site.serve()
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(4)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(4)} == {TEMPORARY}
    stage.wait_for("wait ends", 4)
    assert helper.ask(b"y VRFY alice@example.com yes") == b"OK"
    assert sum("no verdict within its timeout" in line for line in helper.information) == 4


def test_other_questions_are_answered_while_all_passwords_wait(stage: Stage) -> None:
    helper = stage.serve()
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(3)))
    stage.wait_for("wait begins", 3)
    assert helper.ask(b"0 INTF 9").startswith(b"INTF")
    assert helper.ask(b"1 NEW alice@example.com") == b"FAILURE account not created"
    stage.release(3)
    helper.wait_for_replies(3)


def test_who_wakes_up_and_takes_nothing_leaves_the_signal_to_others() -> None:
    queue: WatchableQueue[str, int] = WatchableQueue()
    assert [queue.get_or_watch(), queue.get_or_watch()] == [None, None]
    queue.put("alice", 1)
    queue.put("bob", 2)
    queue.stop_watching()
    assert readable([queue.signal], 0.0)
    assert queue.get_or_watch() == 1
    assert readable([queue.signal], 0.0)
    assert queue.get_or_watch() == 2
    assert queue.get_or_watch() is None
    assert not readable([queue.signal], 0.0)
    queue.put("alice", 3)
    assert readable([queue.signal], 0.0)

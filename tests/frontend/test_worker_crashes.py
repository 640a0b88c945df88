"""Workers and supervisors that die while the helper serves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.frontend.bad_requests import write_bad_requests_site
from tests.helper import Site, clean_exit, stop_process, wait_for_exit, wait_until
from tests.plugins import ScriptedSite, bobs_request, scripted_request

TEMPORARY = b"ERROR temporary failure"


def test_killed_worker_is_replaced_and_its_requests_fail_once(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.send(*(scripted_request(number, "wait") for number in range(4)))
    processes = scripted.wait_for("wait", 4)
    victim = processes[0]
    os.kill(victim, signal.SIGKILL)
    helper.wait_for_information("killed by SIGKILL")
    assert all(line.endswith(TEMPORARY) for line in helper.wait_for_replies(2))
    assert helper.ask(scripted_request(9, "yes")) == b"OK"
    wait_until(lambda: len(helper.processes("worker")) == 3, "a new worker")
    scripted.release(2)
    with clean_exit(helper):
        helper.close()
    assert sorted(line[2:] for line in helper.replies) == [TEMPORARY, TEMPORARY, b"OK", b"OK"]
    assert len({line[:1] for line in helper.replies}) == 4


def test_log_names_signal_that_killed_worker_of_slow_supervisor(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1")
    helper.send(scripted_request(1, "wait"))
    (worker,) = scripted.wait_for("wait")
    scripted.release()
    helper.wait_for_replies(1)
    (supervisor,) = helper.processes("supervisor")
    stop_process(supervisor)
    os.kill(worker, signal.SIGKILL)
    number, until = 2, time.monotonic() + 0.3
    while time.monotonic() < until:  # some rounds of maintenance
        assert helper.ask(scripted_request(number, "yes")) == b"OK"
        number += 1
    os.kill(supervisor, signal.SIGCONT)
    helper.wait_for_information("worker [0-9]+ was killed by SIGKILL; it is replaced")


def test_helper_survives_the_death_of_all_workers(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.send(*(scripted_request(number, "wait") for number in range(4)))
    for process in set(scripted.wait_for("wait", 4)):
        os.kill(process, signal.SIGKILL)
    assert sorted(helper.wait_for_replies(4)) == [b"%d %s" % (number, TEMPORARY) for number in range(4)]
    assert helper.ask(scripted_request(9, "yes")) == b"OK"
    assert helper.end() == 0
    assert len(helper.replies) == 4


def test_killed_supervisor_is_replaced_and_leaves_no_process(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.send(scripted_request(1, "wait"), scripted_request(2, "start children"))
    scripted.wait_for("wait")
    scripted.wait_for("a child", 2)
    (supervisor,) = helper.processes("supervisor")
    others = helper.processes("worker")
    os.kill(supervisor, signal.SIGKILL)
    assert sorted(helper.wait_for_replies(2)) == [b"1 " + TEMPORARY, b"2 " + TEMPORARY]
    assert helper.ask(scripted_request(3, "yes")) == b"OK"
    assert helper.ask(bobs_request(4)) == b"OK"
    wait_for_exit(others)
    with clean_exit(helper):
        helper.close()
    assert len(helper.replies) == 2


def test_verdicts_sent_before_a_worker_dies_count(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    helper.send(*(scripted_request(number, "wait") for number in range(8)))
    (worker, *_) = scripted.wait_for("wait", 4)
    stop_process(helper.process.pid)
    scripted.release(4)
    scripted.wait_for("wait", 8)  # each of the four threads sends its result before it takes the next request
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in helper.descendants(), "the supervisor to reap it")
    helper.process.send_signal(signal.SIGCONT)
    helper.wait_for_replies(8)
    assert sum(line.endswith(b"OK") for line in helper.replies) == 4
    assert helper.end() == 0


@pytest.mark.parametrize("action", ["exit", "abort", "read address 0", "close everything", "write to every socket"])
def test_crashing_backend_fails_only_its_own_request(scripted: ScriptedSite, action: str) -> None:
    helper = scripted.serve(settings="workers = 2\ndeadline = 60")
    assert helper.ask(scripted_request(1, action)) == TEMPORARY
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    assert helper.ask(bobs_request(3)) == b"OK"
    wait_until(lambda: len(helper.processes("worker")) == 3, "a new worker")
    with clean_exit(helper):
        helper.close()
    assert helper.replies == []


def test_worker_over_its_memory_limit_is_replaced(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\nworker_memory = 128\ndeadline = 60")
    assert helper.ask(scripted_request(1, "grow")) == TEMPORARY
    helper.wait_for_information("more than helper.worker_memory = 128")
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    assert helper.end() == 0


@pytest.mark.parametrize("action", ["print", "flood", "close 0, 1 and 2"])
def test_backend_output_never_reaches_the_replies(scripted: ScriptedSite, action: str) -> None:
    helper = scripted.serve()
    assert helper.ask(scripted_request(7, action)) == b"OK"
    assert helper.ask(bobs_request(8)) == b"OK"
    assert helper.ask(scripted_request(9, action)) == b"OK"
    with clean_exit(helper):
        helper.close()
    assert helper.replies == []


def test_workers_that_replaced_dead_ones_do_not_stay(site: Site) -> None:
    write_bad_requests_site(site, seconds=0.05, repeatable=True)
    helper = site.serve()
    for batch in range(5):
        passwords = [b"good"] * 10 + [b"crash"] * 3
        lines = enumerate(passwords)
        helper.send(*(b"%d-%d VRFY u%d@example.com %s" % (batch, each, each, password) for each, password in lines))
    replies = dict(reply.split(b" ", 1) for reply in helper.wait_for_replies(65))
    assert sorted(replies.values()) == sorted([b"OK"] * 50 + [TEMPORARY] * 15)
    helper.replies.clear()
    wait_until(lambda: len(helper.processes("worker")) == 3, "two workers and a spare one")
    wait_until(lambda: _marks(helper.process.pid) == 3, "the end of what the dead workers shared with the frontend")
    assert helper.end() == 0


def test_account_that_keeps_killing_workers_hurts_no_other(site: Site) -> None:
    write_bad_requests_site(site, seconds=0.001, repeatable=True)
    helper = site.serve()
    for number in range(10):
        helper.send(b"k%d VRFY killer@example.com crash" % number, b"g%d VRFY alice@example.com good" % number)
        assert helper.reply(b"k%d" % number) == TEMPORARY
        assert helper.reply(b"g%d" % number) == b"OK"
    wait_until(lambda: len(helper.processes("worker")) == 3, "two workers and a spare one")
    assert helper.end() == 0


def _marks(process: int) -> int:
    """Return how many memories with marks a process has open."""
    return sum("call-marks" in str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir())

"""Backends, workers and supervisors that hang while the helper serves."""

from __future__ import annotations

import contextlib
import os
import signal

from tests.helper import clean_exit, stop_process, wait_for_exit, wait_until
from tests.plugins import ScriptedSite, bobs_request, scripted_request

TEMPORARY = b"ERROR temporary failure"


def test_late_verdict_is_dropped(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 0.3")
    wait_until(lambda: helper.ask(scripted_request(9, "yes")) == b"OK", "a first login")
    helper.replies.clear()
    helper.send(*(scripted_request(number, "wait") for number in range(4)))
    scripted.wait_for("wait", 4)
    assert sorted(helper.wait_for_replies(4)) == [b"%d %s" % (number, TEMPORARY) for number in range(4)]
    scripted.release(4)
    wait_until(lambda: helper.ask(scripted_request(9, "yes")) == b"OK", "a free thread")
    assert helper.end() == 0
    assert len(helper.replies) == 4


def test_hanging_backend_does_not_block_other_backends(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2\ndeadline = 60")
    helper.send(*(scripted_request(number, "wait") for number in range(20)))
    scripted.wait_for("wait", 8)
    for number in range(20, 40):
        assert helper.ask(bobs_request(number)) == b"OK"
    scripted.release(20)
    assert sorted(helper.wait_for_replies(20)) == sorted(b"%d OK" % number for number in range(20))
    assert helper.end() == 0


def test_hanging_worker_is_replaced_while_others_answer(scripted: ScriptedSite) -> None:
    helpers = {}
    for action in ("wait", "hold the interpreter", "stop", "start children"):
        helpers[action] = scripted.serve(settings="workers = 2\ndeadline = 0.3")
        helpers[action].send(scripted_request(1, action))
        scripted.wait_for(action)
        assert helpers[action].reply(b"1") == TEMPORARY
        assert helpers[action].ask(scripted_request(2, "yes")) == b"OK"
        assert helpers[action].ask(bobs_request(3)) == b"OK"
    for action, helper in helpers.items():
        if action in ("hold the interpreter", "stop"):
            helper.wait_for_information("has shown no sign of life")
            wait_for_exit(scripted.processes(action))
        elif action == "wait":
            helper.wait_for_information("scripted_backend.py, line [0-9]+, in _wait; another thread takes over")
        assert helper.ask(scripted_request(4, "yes")) == b"OK"
    children = set(scripted.processes("a child"))  # those in another process group live as long as the helper
    wait_until(
        lambda: all(len(set(helper.processes("worker")) - children) == 3 for helper in helpers.values()),
        "a new worker in each helper",
    )
    with clean_exit(*helpers.values()):
        for helper in helpers.values():
            helper.close()
    assert all(helper.replies == [] for helper in helpers.values())


def test_requests_go_to_running_workers_while_another_starts(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2\ndeadline = 60")
    wait_until(lambda: len(helper.processes("worker")) == 3, "two workers and a spare one")
    (supervisor,), workers = helper.processes("supervisor"), helper.processes("worker")
    helper.send(scripted_request(1, "wait"))
    stop_process(supervisor)
    for idle in set(workers).difference(scripted.wait_for("wait")):
        with contextlib.suppress(ProcessLookupError):
            os.kill(idle, signal.SIGKILL)
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    os.kill(supervisor, signal.SIGCONT)
    scripted.release()
    assert helper.reply(b"1") == b"OK"
    with clean_exit(helper):
        helper.close()


def test_hanging_supervisor_is_replaced(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2\ndeadline = 60")
    wait_until(lambda: len(helper.processes("worker")) == 3, "two workers and a spare one")
    (supervisor,), workers = helper.processes("supervisor"), helper.processes("worker")
    stop_process(supervisor)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    helper.send(scripted_request(1, "yes"), b"2 INTF 3")
    assert helper.reply(b"2") == b"INTF 3"
    helper.wait_for_information("the supervisor hangs")
    assert helper.reply(b"1") in (b"OK", TEMPORARY)
    assert helper.ask(scripted_request(3, "yes")) == b"OK"
    with clean_exit(helper):
        helper.close()

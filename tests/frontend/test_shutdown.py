"""How the running helper ends: docs/protocol.md, sections 2 and 5."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.helper import Helper, clean_exit, stop_process, wait_for_exit
from tests.plugins import ScriptedSite, bobs_request, scripted_request

TEMPORARY = b"ERROR temporary failure"
ENDINGS = ["end of input", signal.SIGTERM, signal.SIGINT]


def begin_shutdown(helper: Helper, ending: str | signal.Signals) -> None:
    if isinstance(ending, signal.Signals):
        helper.process.send_signal(ending)
    else:
        helper.close()


@pytest.mark.parametrize("ending", ENDINGS)
def test_idle_helper_exits_and_closes_its_backends(scripted: ScriptedSite, ending: str | signal.Signals) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.wait_for_information("serving with 2 workers")
    with clean_exit(helper):
        begin_shutdown(helper, ending)
    closed = scripted.processes("close")
    assert len(closed) >= 2  # the spare worker may still be opening its backends
    assert set(closed) <= set(scripted.processes("open"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_shutdown_waits_for_requests_under_way(scripted: ScriptedSite, ending: str | signal.Signals) -> None:
    helper = scripted.serve()
    helper.send(scripted_request(1, "wait"), scripted_request(2, "wait"), bobs_request(3))
    scripted.wait_for("wait", 2)
    with clean_exit(helper):
        helper.write(scripted_request(4, "no") + b"\n")
        begin_shutdown(helper, ending)
        scripted.wait_for("no")
        scripted.release(2)
    assert sorted(helper.replies) == [b"1 OK", b"2 OK", b"3 OK", b"4 ERROR incorrect password"]


def test_hanging_backends_delay_shutdown_by_five_seconds_at_most(scripted: ScriptedSite) -> None:
    hung: list[tuple[str, int, str | signal.Signals]] = [
        ("wait", 4, "end of input"),
        ("wait", 8, signal.SIGTERM),
        ("hold the interpreter", 1, "end of input"),
        ("stop", 1, "end of input"),
        ("start children", 4, "end of input"),
    ]
    helpers = [scripted.serve() for _ in hung]
    for helper, (action, times, _) in zip(helpers, hung, strict=True):
        helper.send(*(scripted_request(number, action) for number in range(10)))
        scripted.wait_for(action, times)
    children = scripted.wait_for("a child", 8)
    with clean_exit(*helpers):
        started = time.monotonic()
        for helper, (_, _, ending) in zip(helpers, hung, strict=True):
            begin_shutdown(helper, ending)
        for helper in helpers:
            helper.wait_for_end()
        assert time.monotonic() - started < 5
    wait_for_exit(children)
    for helper in helpers:
        assert sorted(helper.replies) == [b"%d %s" % (number, TEMPORARY) for number in range(10)]


def test_stopped_supervisor_does_not_delay_shutdown(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    assert helper.ask(bobs_request(1)) == b"OK"
    (supervisor,) = helper.processes("supervisor")
    stop_process(supervisor)
    with clean_exit(helper):
        helper.close()


def test_incomplete_last_line_is_ignored_at_sigterm(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    with clean_exit(helper):
        helper.write(bobs_request(1) + b"\n" + scripted_request(2, "yes")[:-1])
        helper.process.send_signal(signal.SIGTERM)
    assert b"1 OK" in helper.replies
    assert not {b"2 OK", b"2 ERROR incorrect password"} & set(helper.replies)


def test_requests_from_a_regular_file_are_all_answered(scripted: ScriptedSite) -> None:
    requests = [scripted_request(number, "yes") if number % 2 else bobs_request(number) for number in range(400)]
    with scripted.site.write("requests", b"\n".join(requests)).open("rb") as file:
        helper = scripted.serve(stdin=file)
    assert helper.wait_for_end() == 0
    assert sorted(helper.replies) == sorted(b"%d OK" % number for number in range(400))
    assert helper.errors() == ""


def test_helper_exits_on_empty_input(scripted: ScriptedSite) -> None:
    helper = scripted.serve(stdin=subprocess.DEVNULL)
    assert helper.wait_for_end() == 0


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_helper_exits_quietly_when_its_output_closes(scripted: ScriptedSite, busy: bool) -> None:
    helper = scripted.serve()
    if busy:
        helper.send(
            scripted_request(1, "start children"),
            scripted_request(2, "wait"),
            scripted_request(3, "hold the interpreter"),
        )
        scripted.wait_for("hold the interpreter")
    processes = helper.descendants()
    assert helper.process.stdout is not None
    helper.process.stdout.close()
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""
    wait_for_exit(processes)


@pytest.mark.parametrize("action", ["", "wait", "hold the interpreter", "stop", "start children"])
def test_no_process_survives_the_frontend(scripted: ScriptedSite, action: str) -> None:
    helper = scripted.serve()
    helper.send(scripted_request(1, action or "yes"))
    scripted.wait_for(action or "yes")
    if action == "start children":
        scripted.wait_for("a child", 2)
    processes = helper.descendants()
    helper.process.kill()
    wait_for_exit(processes)
    assert helper.wait_for_end() == -signal.SIGKILL
    assert helper.errors() == ""


def test_sigterm_to_every_process_answers_requests_under_way(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 2")
    helper.send(scripted_request(1, "wait"), scripted_request(2, "wait"))
    scripted.wait_for("wait", 2)
    with clean_exit(helper):
        for process in [helper.process.pid, *helper.descendants()]:
            os.kill(process, signal.SIGTERM)
        scripted.release(2)
    assert sorted(helper.replies) == [b"1 OK", b"2 OK"]

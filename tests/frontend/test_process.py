"""How the helper lives and dies, through the real program: docs/protocol.md, sections 2 and 5."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.helper import Helper, is_alive, wait_until
from tests.plugins import Stage, plugin

TEMPORARY = b"ERROR temporary failure"
ENDINGS = ["its input closes", signal.SIGTERM, signal.SIGINT]


def order(number: int, what: str) -> bytes:
    """A request whose password tells the backend of `obeys.py` what to do."""
    return b"%d VRFY alice@example.com %s" % (number, what.encode())


def bob(number: int) -> bytes:
    """A request that the password file answers with OK."""
    return b"%d VRFY bob@example.org password" % number


def wait_for_death(processes: list[int]) -> None:
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")


@contextmanager
def everybody_ends(*helpers: Helper) -> Iterator[None]:
    """What is done inside ends them: with status 0, no process left behind, and nothing on standard error."""
    processes = [process for helper in helpers for process in helper.descendants()]
    yield
    for helper in helpers:
        assert helper.wait_for_end() == 0
        assert helper.errors() == ""
    wait_for_death(processes)


def tell_to_end(helper: Helper, ending: str | signal.Signals) -> None:
    if isinstance(ending, signal.Signals):
        helper.process.send_signal(ending)
    else:
        helper.close()


# --- the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_idle_helper_ends_and_its_backends_are_closed(stage: Stage, ending: str | signal.Signals) -> None:
    helper = stage.serve(server="workers = 2")
    stage.wait_for("open", 2)
    with everybody_ends(helper):
        tell_to_end(helper, ending)
    assert sorted(stage.processes("close")) == sorted(stage.processes("open"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_under_way_at_the_end_is_answered_when_that_comes_in_time(
    stage: Stage, ending: str | signal.Signals
) -> None:
    helper = stage.serve()
    helper.send(order(1, "wait"), order(2, "wait"), bob(3))
    stage.wait_for("wait", 2)
    with everybody_ends(helper):
        helper.write(order(4, "no") + b"\n")
        tell_to_end(helper, ending)
        stage.wait_for("no")
        stage.release(2)
    assert sorted(helper.replies) == [b"1 OK", b"2 OK", b"3 OK", b"4 ERROR incorrect password"]


def test_no_backend_that_hangs_holds_the_end_longer_than_five_seconds(stage: Stage) -> None:
    hung: list[tuple[str, int, str | signal.Signals]] = [
        ("wait", 4, "its input closes"),
        ("wait", 8, signal.SIGTERM),
        ("hold the interpreter", 1, "its input closes"),
        ("stop", 1, "its input closes"),
        ("start children", 4, "its input closes"),
    ]
    helpers = [stage.serve() for _ in hung]
    for helper, (what, times, _) in zip(helpers, hung, strict=True):
        helper.send(*(order(number, what) for number in range(10)))
        stage.wait_for(what, times)
    children = stage.wait_for("a child", 8)
    with everybody_ends(*helpers):
        told = time.monotonic()
        for helper, (_, _, ending) in zip(helpers, hung, strict=True):
            tell_to_end(helper, ending)
        for helper in helpers:
            helper.wait_for_end()
        assert time.monotonic() - told < 5
    wait_for_death(children)
    for helper in helpers:
        assert sorted(helper.replies) == [b"%d %s" % (number, TEMPORARY) for number in range(10)]


def test_a_keeper_that_is_stopped_does_not_hold_the_end(stage: Stage) -> None:
    helper = stage.serve()
    assert helper.ask(bob(1)) == b"OK"
    keeper, _ = helper.descendants()
    os.kill(keeper, signal.SIGSTOP)
    with everybody_ends(helper):
        helper.close()


def test_a_line_that_is_half_written_when_it_is_told_to_end_is_not_taken_for_a_whole_one(stage: Stage) -> None:
    helper = stage.serve()
    with everybody_ends(helper):
        helper.write(bob(1) + b"\n" + order(2, "yes")[:-1])
        helper.process.send_signal(signal.SIGTERM)
    assert b"1 OK" in helper.replies
    assert not {b"2 OK", b"2 ERROR incorrect password"} & set(helper.replies)


def test_a_regular_file_is_answered_to_its_end(stage: Stage) -> None:
    requests = [order(number, "yes") if number % 2 else bob(number) for number in range(400)]
    with stage.site.write("requests", b"\n".join(requests)).open("rb") as file:
        helper = stage.serve(stdin=file)
    assert helper.wait_for_end() == 0
    assert sorted(helper.replies) == sorted(b"%d OK" % number for number in range(400))
    assert helper.errors() == ""


def test_no_input_at_all_ends_it(stage: Stage) -> None:
    helper = stage.serve(stdin=subprocess.DEVNULL)
    assert helper.wait_for_end() == 0


@pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["Ctrl-D", "Ctrl-C"])
def test_a_terminal_can_be_its_input_and_output(stage: Stage, key: bytes) -> None:
    helper = serve_at_terminal(stage)
    helper.send(bob(1))
    helper.wait_for(lambda: b"1 OK\r" in helper.replies, "the reply")  # among what the terminal echoes
    helper.write(key)
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""


def test_a_terminal_that_goes_away_ends_it(stage: Stage) -> None:
    helper = serve_at_terminal(stage)
    processes = helper.descendants()
    for stream in (helper.process.stdin, helper.process.stdout):
        assert stream is not None
        stream.close()
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""
    wait_for_death(processes)


def serve_at_terminal(stage: Stage) -> Helper:
    """A helper that controls a terminal of its own, at the other end of which are its `stdin` and `stdout`."""
    ours, its = os.openpty()
    stage.configure()
    helper = stage.site.serve(stdin=its, stdout=its, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(its)
    helper.process.stdin = open(os.dup(ours), "wb", buffering=0)  # noqa: SIM115  # Helper.kill closes them
    helper.process.stdout = open(ours, "rb", buffering=0)  # noqa: SIM115
    helper.wait_for_information("serving")
    return helper


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_reader_that_goes_away_ends_it_quietly(stage: Stage, busy: bool) -> None:
    helper = stage.serve()
    if busy:
        helper.send(order(1, "start children"), order(2, "wait"), order(3, "hold the interpreter"))
        stage.wait_for("hold the interpreter")
    processes = helper.descendants()
    assert helper.process.stdout is not None
    helper.process.stdout.close()
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""
    wait_for_death(processes)


@pytest.mark.parametrize("what", ["", "wait", "hold the interpreter", "stop", "start children"])
def test_nobody_survives_the_front_process(stage: Stage, what: str) -> None:
    helper = stage.serve()
    helper.send(order(1, what or "yes"))
    stage.wait_for(what or "yes")
    if what == "start children":
        stage.wait_for("a child", 2)
    processes = helper.descendants()
    helper.process.kill()
    wait_for_death(processes)
    assert helper.wait_for_end() == -signal.SIGKILL
    assert helper.errors() == ""


def test_a_signal_to_all_processes_at_once_is_an_end_too(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2")
    helper.send(order(1, "wait"), order(2, "wait"))
    stage.wait_for("wait", 2)
    with everybody_ends(helper):
        for process in [helper.process.pid, *helper.descendants()]:
            os.kill(process, signal.SIGTERM)
        stage.release(2)
    assert sorted(helper.replies) == [b"1 OK", b"2 OK"]


# --- SIGHUP -------------------------------------------------------------------------------------------


def hang_up(helper: Helper) -> None:
    helper.information.clear()
    helper.process.send_signal(signal.SIGHUP)


def test_a_hangup_signal_puts_the_new_configuration_and_files_in_force(stage: Stage) -> None:
    helper = stage.serve()
    apop = b"1 SASL(APOP) bob@example.org 00 <1@example.org>"
    assert helper.ask(apop) == b"ERROR incorrect password"
    assert helper.ask(order(2, "yes")) == b"OK"
    stage.configure(more="[sasl]\nmechanisms = []")
    backend = (stage.site.folder / "obeys.py").read_text()
    stage.site.write("obeys.py", backend.replace("else Verdict.OK", "else Verdict.USER_DISABLED"))
    hang_up(helper)
    helper.wait_for_information("serving")
    assert helper.ask(apop) == b"ERROR unsupported SASL method"
    assert helper.ask(order(2, "yes")) == b"ERROR incorrect password"
    assert helper.end() == 0


def test_what_is_under_way_at_a_hangup_signal_is_answered_by_those_who_have_it(stage: Stage) -> None:
    helper = stage.serve()
    helper.send(order(1, "wait"))
    before = stage.wait_for("wait")
    old_keeper, _ = helper.descendants()
    hang_up(helper)
    helper.wait_for_information("serving")
    assert helper.ask(order(2, "yes")) == b"OK"
    assert stage.processes("yes") != before
    stage.release()
    assert helper.reply(b"1") == b"OK"
    wait_for_death([old_keeper, *before])
    assert set(before) <= set(stage.processes("close"))
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("extauth.toml", "[server", "extauth.toml: is not TOML"),
        ("extauth.toml", "[helper]\nwokers = 1", "helper.wokers: unknown key; did you mean workers?"),
        ("obeys.py", "import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("obeys.py", "import os\nos._exit(0)", "the process that loads it died"),
    ],
)
def test_what_is_broken_at_a_hangup_signal_is_reported_and_the_old_stays(
    stage: Stage, name: str, content: str, told: str
) -> None:
    helper = stage.serve()
    good = (stage.site.folder / name).read_text()
    stage.site.write(name, content)
    hang_up(helper)
    assert told in helper.wait_for_information("keeping the previous configuration")
    assert helper.ask(order(1, "yes")) == b"OK"
    stage.site.write(name, good)
    hang_up(helper)
    helper.wait_for_information("serving")
    assert helper.ask(order(2, "yes")) == b"OK"
    with everybody_ends(helper):
        helper.close()


@pytest.mark.parametrize("broken", [False, True], ids=["with a good configuration", "with a broken one"])
def test_a_hangup_signal_opens_the_log_file_anew(stage: Stage, broken: bool) -> None:
    helper = stage.serve(more='[log]\nfile = "log"')
    log, rotated = stage.site.folder / "log", stage.site.folder / "log.1"
    assert helper.ask(bob(1)) == b"OK"
    wait_until(lambda: "bob@example.org" in log.read_text(), "a record")
    log.rename(rotated)
    if broken:
        stage.site.configure("[server")
    hang_up(helper)
    helper.wait_for_information("keeping the previous configuration" if broken else "serving")
    assert helper.ask(order(2, "no")) == b"ERROR incorrect password"
    wait_until(lambda: log.exists() and "alice@example.com" in log.read_text(), "a record in the new file")
    assert "alice@example.com" not in rotated.read_text()
    assert helper.end() == 0


def test_a_storm_of_hangup_signals_loses_no_request_and_leaves_no_process(stage: Stage) -> None:
    helper = stage.serve()
    stage.site.write("obeys.py", f"open({str(stage.site.folder / 'gate')!r}).read()")  # from now on it hangs
    for number in range(100):
        helper.process.send_signal(signal.SIGHUP)
        assert helper.ask(bob(number)) == b"OK"
    with everybody_ends(helper):
        helper.close()


def load_at_the_gate(stage: Stage) -> None:
    """From now on the backend is loaded when it is released."""
    source = f"{plugin('obeys.py')}\nopen({str(stage.site.folder / 'gate')!r}, 'rb', buffering=0).read(1)\n"
    stage.site.write("obeys.py", source)


def test_what_is_being_loaded_is_put_in_force_though_another_hangup_signal_comes(stage: Stage) -> None:
    helper = stage.serve()
    assert helper.ask(bob(0)) == b"OK"
    before = set(helper.descendants())
    load_at_the_gate(stage)
    for number in range(5):
        hang_up(helper)
        assert helper.ask(bob(number)) == b"OK"
    for _ in range(2):  # that of the first signal, and that of the others
        helper.information.clear()
        stage.release()
        helper.wait_for_information("serving")
    assert helper.ask(order(1, "yes")) == b"OK"
    wait_for_death([*before])
    wait_until(lambda: len(helper.descendants()) == 2, "nobody but those who serve")
    with everybody_ends(helper):
        helper.close()


def test_no_more_processes_than_so_many_generations_have_wait_for_what_they_have_under_way(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 60")
    for number in range(8):
        helper.send(order(number, "wait"))
        stage.wait_for("wait", number + 1)
        hang_up(helper)
        helper.wait_for_information("serving")
    stage.configure(server="workers = 1\ndeadline = 60", more="[sasl]\nmechanisms = []")
    hang_up(helper)
    for number in range(20):
        assert helper.ask(b"%d VRFY bob@example.org password" % number) == b"OK"
    assert not helper.information
    assert len(helper.descendants()) == 2 * 9
    stage.site.write("passwd", "bob@example.org:{PLAIN}new\n")
    helper.wait_for_information("changed: ")
    stage.release(8)
    helper.wait_for_information("serving")
    assert helper.ask(b"a SASL(APOP) bob@example.org 00 <1@example.org>") == b"ERROR unsupported SASL method"
    assert helper.ask(b"b VRFY bob@example.org new") == b"OK"
    with everybody_ends(helper):
        helper.close()


def test_when_the_process_that_reads_anew_is_killed_there_is_another_attempt(stage: Stage) -> None:
    helper = stage.serve()
    assert helper.ask(bob(0)) == b"OK"
    before = set(helper.descendants())
    load_at_the_gate(stage)
    hang_up(helper)
    wait_until(lambda: len(helper.descendants()) == 3, "another parent of workers")
    (loading,) = set(helper.descendants()) - before
    os.kill(loading, signal.SIGKILL)
    helper.wait_for_information("the process that loads it died")
    stage.release()
    helper.wait_for_information("serving")
    assert helper.ask(order(1, "yes")) == b"OK"
    with everybody_ends(helper):
        helper.close()


def test_a_dead_parent_of_the_workers_is_replaced_at_once_though_one_has_just_died_while_it_loaded(
    stage: Stage,
) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 5")
    assert helper.ask(bob(0)) == b"OK"
    keeper, worker = helper.descendants()
    load_at_the_gate(stage)
    hang_up(helper)
    wait_until(lambda: len(helper.descendants()) == 3, "another parent of workers")
    (loading,) = set(helper.descendants()) - {keeper, worker}
    os.kill(loading, signal.SIGKILL)
    helper.wait_for_information("the process that loads it died")
    stage.release()
    os.kill(keeper, signal.SIGKILL)
    helper.wait_for_information("the supervisor died")
    assert helper.ask(bob(1)) == b"OK"
    assert helper.end() == 0


def test_a_hangup_signal_rescues_a_first_load_that_is_refused(stage: Stage) -> None:
    stage.configure()
    folder = stage.site.folder
    notes = f"open({str(folder / 'notes')!r}, 'a').write('loading 1\\n')\n"
    stage.site.write(
        "obeys.py", f"{notes}open({str(folder / 'gate')!r}, 'rb', buffering=0).read(1)\nraise ValueError\n"
    )
    helper = stage.site.serve()
    stage.wait_for("loading")
    stage.site.write("obeys.py", plugin("obeys.py"))
    helper.wait_for_information("starts")
    hang_up(helper)
    stage.release()
    assert helper.ask(order(1, "yes")) == b"OK"
    assert helper.end() == 0


# --- those who die ------------------------------------------------------------------------------------


def test_the_requests_of_a_killed_worker_get_one_temporary_answer_and_it_is_replaced(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2")
    helper.send(*(order(number, "wait") for number in range(4)))
    processes = stage.wait_for("wait", 4)
    victim = processes[0]
    os.kill(victim, signal.SIGKILL)
    helper.wait_for_information("killed by SIGKILL")
    assert all(line.endswith(TEMPORARY) for line in helper.wait_for_replies(2))
    assert helper.ask(order(9, "yes")) == b"OK"
    wait_until(lambda: len(helper.descendants()) == 3, "another worker")
    stage.release(2)
    with everybody_ends(helper):
        helper.close()
    assert sorted(line[2:] for line in helper.replies) == [TEMPORARY, TEMPORARY, b"OK", b"OK"]
    assert len({line[:1] for line in helper.replies}) == 4


def test_all_workers_can_be_killed(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2")
    helper.send(*(order(number, "wait") for number in range(4)))
    for process in set(stage.wait_for("wait", 4)):
        os.kill(process, signal.SIGKILL)
    assert sorted(helper.wait_for_replies(4)) == [b"%d %s" % (number, TEMPORARY) for number in range(4)]
    assert helper.ask(order(9, "yes")) == b"OK"
    assert helper.end() == 0
    assert len(helper.replies) == 4


def test_the_keeper_can_be_killed_and_what_its_workers_started_is_not_left(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2")
    helper.send(order(1, "wait"), order(2, "start children"))
    stage.wait_for("wait")
    stage.wait_for("a child", 2)
    keeper, *others = helper.descendants()
    os.kill(keeper, signal.SIGKILL)
    assert sorted(helper.wait_for_replies(2)) == [b"1 " + TEMPORARY, b"2 " + TEMPORARY]
    assert helper.ask(order(3, "yes")) == b"OK"
    assert helper.ask(bob(4)) == b"OK"
    wait_for_death(others)
    with everybody_ends(helper):
        helper.close()
    assert len(helper.replies) == 2


def test_an_answer_that_a_worker_gave_before_it_died_counts(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 60")
    helper.send(*(order(number, "wait") for number in range(8)))
    (worker, *_) = stage.wait_for("wait", 4)
    helper.process.send_signal(signal.SIGSTOP)
    stage.release(4)
    stage.wait_for("wait", 8)  # each of the four threads has answered before it took another
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in helper.descendants(), "its burial")
    helper.process.send_signal(signal.SIGCONT)
    helper.wait_for_replies(8)
    assert sum(line.endswith(b"OK") for line in helper.replies) == 4
    assert helper.end() == 0


@pytest.mark.parametrize("what", ["exit", "abort", "read address 0", "close everything", "write to every socket"])
def test_a_backend_that_takes_its_worker_down_costs_its_own_requests_alone(stage: Stage, what: str) -> None:
    helper = stage.serve(server="workers = 2\ndeadline = 60")
    assert helper.ask(order(1, what)) == TEMPORARY
    assert helper.ask(order(2, "yes")) == b"OK"
    assert helper.ask(bob(3)) == b"OK"
    wait_until(lambda: len(helper.descendants()) == 3, "another worker")
    with everybody_ends(helper):
        helper.close()
    assert helper.replies == []


def test_a_worker_that_grows_without_bound_is_replaced(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\nworker_memory = 128\ndeadline = 60")
    assert helper.ask(order(1, "grow")) == TEMPORARY
    helper.wait_for_information("more than helper.worker_memory = 128")
    assert helper.ask(order(2, "yes")) == b"OK"
    assert helper.end() == 0


@pytest.mark.parametrize("what", ["print", "flood", "close 0, 1 and 2"])
def test_what_a_backend_does_to_the_standard_descriptors_harms_no_reply(stage: Stage, what: str) -> None:
    helper = stage.serve()
    assert helper.ask(order(7, what)) == b"OK"
    assert helper.ask(bob(8)) == b"OK"
    assert helper.ask(order(9, what)) == b"OK"
    with everybody_ends(helper):
        helper.close()
    assert helper.replies == []


# --- those who are late -------------------------------------------------------------------------------


def test_a_late_verdict_is_dropped(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 0.3")
    helper.send(*(order(number, "wait") for number in range(4)))
    stage.wait_for("wait", 4)
    assert sorted(helper.wait_for_replies(4)) == [b"%d %s" % (number, TEMPORARY) for number in range(4)]
    stage.release(4)
    wait_until(lambda: helper.ask(order(9, "yes")) == b"OK", "a thread that is free")
    assert helper.end() == 0
    assert len(helper.replies) == 4


def test_other_backends_answer_while_every_thread_of_one_hangs(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2\ndeadline = 60")
    helper.send(*(order(number, "wait") for number in range(20)))
    stage.wait_for("wait", 8)
    for number in range(20, 40):
        assert helper.ask(bob(number)) == b"OK"
    stage.release(20)
    assert sorted(helper.wait_for_replies(20)) == sorted(b"%d OK" % number for number in range(20))
    assert helper.end() == 0


def test_a_worker_that_hangs_is_killed_and_replaced_while_others_answer(stage: Stage) -> None:
    helpers = {}
    for what in ("wait", "hold the interpreter", "stop", "start children"):
        helpers[what] = stage.serve(server="workers = 2\ndeadline = 0.3")
        helpers[what].send(order(1, what))
        stage.wait_for(what)
        assert helpers[what].reply(b"1") == TEMPORARY
        assert helpers[what].ask(order(2, "yes")) == b"OK"
        assert helpers[what].ask(bob(3)) == b"OK"
    for what, helper in helpers.items():
        helper.wait_for_information("hangs")
        wait_for_death(stage.processes(what))
        assert helper.ask(order(4, "yes")) == b"OK"
    started = set(stage.processes("a child"))  # what has left its worker's process group lives as long as the helper
    wait_until(
        lambda: all(len(set(helper.descendants()) - started) == 3 for helper in helpers.values()),
        "another worker in each",
    )
    with everybody_ends(*helpers.values()):
        for helper in helpers.values():
            helper.close()
    assert all(helper.replies == [] for helper in helpers.values())


# --- where it runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"env": {}},
        {"env": {"LANG": "C", "LC_ALL": "C"}},
        {"env": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}},
        {"cwd": "/"},
        {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))},
    ],
    ids=["empty environment", "LANG=C", "ASCII only", "cwd=/", "64 descriptors"],
)
def test_it_serves_wherever_it_is_started(stage: Stage, options: dict[str, Any]) -> None:
    stage.site.write("passwd", "bøb@example.org:{PLAIN}pässword\n")
    helper = stage.serve(**options)
    assert helper.ask("1 VRFY bøb@example.org pässword".encode()) == b"OK"
    assert helper.ask("2 VRFY bøb@example.org password".encode()) == b"ERROR incorrect password"
    assert "bøb@example.org" in helper.wait_for_information("PASSWORD_MISMATCH")
    assert helper.ask(order(3, "yes")) == b"OK"
    with everybody_ends(helper):
        helper.close()


def test_too_few_descriptors_for_all_its_workers_are_no_reason_to_stop(stage: Stage) -> None:
    helper = stage.serve(server="workers = 20", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)))
    assert helper.ask(bob(1)) == b"OK"
    helper.wait_for_information("cannot start a worker")
    hang_up(helper)
    helper.wait_for_information("Too many open files")
    assert helper.ask(bob(2)) == b"OK"
    with everybody_ends(helper):
        helper.close()


@pytest.mark.parametrize("file", ["/dev/full", "no/such/folder", ".", "fifo"])
def test_a_log_file_that_cannot_be_written_is_reported_once_and_requests_are_answered(stage: Stage, file: str) -> None:
    os.mkfifo(stage.site.folder / "fifo")
    helper = stage.serve(more=f'[log]\nfile = "{file}"')
    for number in range(20):
        assert helper.ask(bob(number)) == b"OK"
        assert helper.ask(order(number, "no")) == b"ERROR incorrect password"
    with everybody_ends(helper):
        helper.close()
    assert sum("cannot write the log" in line for line in helper.information) == 1


def test_while_a_worker_is_not_born_another_one_is_asked_though_it_has_more_to_do(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2\ndeadline = 60")
    wait_until(lambda: len(helper.descendants()) == 3, "two workers")
    keeper, *workers = helper.descendants()
    helper.send(order(1, "wait"))
    os.kill(keeper, signal.SIGSTOP)
    (idle,) = set(workers).difference(stage.wait_for("wait"))
    os.kill(idle, signal.SIGKILL)
    time.sleep(1)  # it is noticed at once, but its successor is given some time
    assert helper.ask(order(2, "yes")) == b"OK"
    os.kill(keeper, signal.SIGCONT)
    stage.release()
    assert helper.reply(b"1") == b"OK"
    with everybody_ends(helper):
        helper.close()


def test_a_parent_of_the_workers_that_hangs_is_replaced_and_holds_nobody_up(stage: Stage) -> None:
    helper = stage.serve(server="workers = 2\ndeadline = 60")
    wait_until(lambda: len(helper.descendants()) == 3, "two workers")
    keeper, first, second = helper.descendants()
    os.kill(keeper, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    os.kill(second, signal.SIGKILL)
    helper.send(order(1, "yes"), b"2 INTF 3")
    assert helper.reply(b"2") == b"INTF 3"
    helper.wait_for_information("the supervisor hangs")
    assert helper.reply(b"1") in (b"OK", TEMPORARY)
    assert helper.ask(order(3, "yes")) == b"OK"
    with everybody_ends(helper):
        helper.close()

"""`extauth status`: what it shows, and how it finds the running helpers."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from extauth.cli.running import find_helpers
from tests.administration import (
    OK,
    WRONG,
    command,
    configure,
    serve,
    socket_of,
    status,
    status_server,
    statuses,
    stopped,
)
from tests.helper import EXTAUTH, PATIENCE, Site, clean_exit, wait_until
from tests.needs import needs_root
from tests.ordinary_user import NOBODY, as_nobody
from tests.plugins import ScriptedSite, bobs_request, plugin, scripted_request

FIXED = '[[backend]]\ntype = "fixed_result.py:FixedResult"\nname = "fixed"\nresult = "unavailable"\n'


def test_status_counts_requests_by_command_and_verdict(site: Site) -> None:
    configure(site, sections="[cache]\n[throttle]")
    helper = serve(site)
    helper.send(OK, b"3 SASL(APOP) bob@example.com 0123 <1@x>", b"4 NONSENSE", b"5 VRFY nobody@example.com x")
    helper.wait_for_replies(4)
    for _ in range(3):
        assert helper.ask(OK) == b"OK"
        assert helper.ask(WRONG) == b"ERROR incorrect password"
    found = status(site)
    snapshot = found["snapshot"]
    assert snapshot["requests"] == {
        "VRFY": {"OK": 4, "PASSWORD_MISMATCH": 3, "USER_UNKNOWN": 1},
        "SASL": {"PASSWORD_MISMATCH": 1},
    }
    assert snapshot["refused"] == 1
    assert found["replies"] == sum(snapshot["buckets"]) + 1 == 10
    assert snapshot["cache"]["misses"] == 3
    assert snapshot["cache"]["hits"] == 5
    assert snapshot["throttle"] == {"delayed": 0, "refused": 0, "waiting": 0}
    (backend,) = snapshot["backends"]
    assert backend["verdicts"] == {"OK": 1, "PASSWORD_MISMATCH": 2, "USER_UNKNOWN": 1}
    assert set(found["percentiles"]) == {"50", "95", "99"}
    assert all(rate > 0 for rate in found["rates"])
    text = command(site, "status").stdout.decode()
    assert f"pid {helper.process.pid}: serving" in text
    assert "VRFY         4 OK, 3 PASSWORD_MISMATCH, 1 USER_UNKNOWN" in text
    assert "tell-tale" not in text + str(found)


def test_status_counts_replies_to_known_lines(site: Site) -> None:
    configure(site, sections="[cache]")
    helper = serve(site)
    for _ in range(4):
        assert helper.ask(OK) == b"OK"
        assert helper.ask(WRONG) == b"ERROR incorrect password"
    snapshot = status(site)["snapshot"]
    assert snapshot["requests"] == {"VRFY": {"OK": 4, "PASSWORD_MISMATCH": 4}}
    assert snapshot["cache"] == {"hits": 6, "shared": 0, "misses": 2}
    assert sum(snapshot["buckets"]) == 8


def test_status_shows_a_failing_backend_and_its_error(site: Site) -> None:
    site.write("fixed_result.py", plugin("fixed_result.py"))
    configure(site, backends=FIXED)
    helper = serve(site)
    assert helper.ask(OK) == b"ERROR temporary failure"
    (backend,) = status(site)["snapshot"]["backends"]
    assert backend["verdicts"] == {"TEMPORARY_FAILURE": 1}
    assert backend["failing_time"] is not None
    assert backend["last_error"]
    check = command(site, "status", "--check")
    assert check.returncode == 2
    assert check.stdout.startswith(b"EXTAUTH CRITICAL - helper ")
    assert b"backend fixed fails" in check.stdout
    assert b" | requests=1c temporary_failures=1c rate1=" in check.stdout


def test_check_is_ok_then_critical_without_a_helper(site: Site) -> None:
    configure(site)
    helper = serve(site)
    check = command(site, "status", "--check")
    assert (check.returncode, check.stdout.count(b"\n")) == (0, 1)
    assert check.stdout.startswith(b"EXTAUTH OK - 1 helper, 1 worker, ")
    with clean_exit(helper):
        helper.close()
    assert not socket_of(site, helper).exists()
    check = command(site, "status", "--check")
    assert (check.returncode, check.stdout) == (2, b"EXTAUTH CRITICAL - no helper runs\n")


def test_without_a_configuration_no_helper_is_found(site: Site) -> None:
    configure(site)
    site.config.write_bytes(site.config.read_bytes() + b"broken\n")
    done = command(site, "reload", "--pid", "1")  # helpers of other tests may be in the folder
    assert done.returncode == 2
    assert re.search(rb"is not TOML: .*; so helper.run_directory is not known, and no helper was found", done.stderr)
    check = command(site, "status", "--check", "--pid", "1")
    assert check.returncode == 3
    assert check.stdout.startswith(b"EXTAUTH UNKNOWN - ")


def test_a_helper_that_has_just_started_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(site)
    monkeypatch.setattr("extauth.cli.running.time.sleep", lambda _: serve(site))  # after a look that has found none
    (found,) = find_helpers(site.config)
    assert found.report is not None


def test_two_helpers_with_one_configuration_are_both_shown(site: Site) -> None:
    configure(site)
    first, second = serve(site), serve(site)
    assert second.ask(OK) == b"OK"
    replies = {each["pid"]: each["replies"] for each in statuses(site)}
    assert replies == {first.process.pid: 0, second.process.pid: 1}
    assert [each["pid"] for each in statuses(site, "--pid", str(second.process.pid))] == [second.process.pid]


def test_status_answers_while_a_worker_hangs(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings='workers = 1\nrun_directory = "run"')
    wait_until(lambda: socket_of(scripted.site, helper).exists(), "the status socket")
    helper.send(scripted_request(1, "stop"))
    (worker,) = scripted.wait_for("stop")
    try:
        workers = {each["pid"]: each["requests"] for each in status(scripted.site)["snapshot"]["workers"]}
        assert workers[worker] == 1
        assert helper.ask(bobs_request(2)) == b"OK"
    finally:
        os.kill(worker, signal.SIGCONT)


def test_killed_helper_leaves_nothing_and_status_says_so(site: Site) -> None:
    configure(site, 'pid_file = "pid"')
    helper = serve(site)
    wait_until((site.folder / "pid").exists, "the pid file")
    helper.process.kill()
    wait_until(lambda: not socket_of(site, helper).exists(), "the end of the status server")
    assert not (site.folder / "pid").exists()
    done = command(site, "status")
    assert done.returncode == 3
    assert b"no helper runs with" in done.stderr
    assert b"set helper.run_directory" in done.stderr


def test_stale_sockets_are_removed(site: Site) -> None:
    configure(site)
    folder = site.folder / "run"
    folder.mkdir(mode=0o700)
    for name in ("1", "2"):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / f"{name}.sock"))
    helper = serve(site)
    assert [path.name for path in folder.glob("*.sock")] == [f"{helper.process.pid}.sock"]


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_run_directory_that_others_can_enter_is_refused(site: Site, mode: int) -> None:
    configure(site)
    folder = site.folder / "run"
    folder.mkdir()
    folder.chmod(mode)
    helper = site.serve()
    text = helper.wait_for_information("the status socket: ")
    assert f"run: chmod 700 {folder}" in text
    assert helper.ask(OK) == b"OK"
    assert f"chmod 700 {folder}".encode() in command(site, "check").stdout
    done = command(site, "status")
    assert done.returncode == 2
    assert f"chmod 700 {folder}".encode() in done.stderr


@needs_root
def test_run_directory_of_another_user_is_refused(site: Site) -> None:
    configure(site)
    folder = site.folder / "run"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    helper = site.serve()
    assert f"belongs to uid {NOBODY} (nobody); it must belong to uid 0 (root)" in helper.wait_for_information(
        "the status socket: "
    )


@needs_root
def test_other_users_cannot_ask() -> None:
    with tempfile.TemporaryDirectory() as folder:  # the way to it is open to everybody
        site = Site(Path(folder))
        configure(site)
        helper = serve(site)
        path = socket_of(site, helper)
        path.chmod(0o777)  # after the start: this is about the second line of defence
        for each in (site.folder, path.parent):
            each.chmod(0o755)
        code = "import socket, sys; s = socket.socket(1); s.settimeout(9); s.connect(sys.argv[1]); print(s.recv(1))"
        arguments = [*as_nobody(), sys.executable, "-c", code, str(path)]
        done = subprocess.run(arguments, capture_output=True, check=False)
        helper.kill()
    assert done.stdout == b"b''\n", done.stderr


def test_watch_redraws_on_a_terminal(site: Site) -> None:
    configure(site)
    serve(site)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*EXTAUTH, "status", "--watch", "-c", str(site.config)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whoever runs the tests may ignore it
    )
    os.close(theirs)
    shown = b""
    while shown.count(b"configuration") < 2:
        assert select.select([ours], [], [], PATIENCE)[0]
        shown += os.read(ours, 65_536)
    process.send_signal(signal.SIGINT)
    while select.select([ours], [], [], PATIENCE)[0]:
        try:
            os.read(ours, 65_536)
        except OSError:  # it has ended
            break
    assert process.wait(PATIENCE) == 0
    os.close(ours)


def test_hung_status_server_is_reported_and_delays_nothing(site: Site) -> None:
    configure(site)
    helper = serve(site)
    with stopped(status_server(helper)):
        assert helper.ask(OK) == b"OK"
        done = command(site, "status")
        assert done.returncode == 1
        assert f"helper {helper.process.pid} does not answer".encode() in done.stdout


def test_help_names_the_commands() -> None:
    done = subprocess.run([*EXTAUTH, "--help"], capture_output=True, check=True)
    assert b"status" in done.stdout
    assert b"reload" in done.stdout
    assert Path(EXTAUTH[0]).exists()

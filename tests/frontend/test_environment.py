"""The helper at a terminal, in any environment, and with few descriptors."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import termios
from typing import Any

import pytest

from tests.helper import (
    EXTAUTH,
    Helper,
    Site,
    clean_exit,
    is_alive,
    send_sighup,
    wait_for_exit,
    wait_for_serving,
    wait_until,
)
from tests.plugins import ScriptedSite, bobs_request, scripted_request


@pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["Ctrl-D", "Ctrl-C"])
def test_helper_works_at_a_terminal(scripted: ScriptedSite, key: bytes) -> None:
    helper = serve_at_terminal(scripted)
    helper.send(bobs_request(1))
    helper.wait_for(lambda: b"1 OK\r" in helper.replies, "the reply")  # the terminal echoes the request, too
    helper.write(key)
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""


def test_helper_exits_when_its_terminal_closes(scripted: ScriptedSite) -> None:
    helper = serve_at_terminal(scripted)
    processes = helper.descendants()
    for stream in (helper.process.stdin, helper.process.stdout):
        assert stream is not None
        stream.close()
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""
    wait_for_exit(processes)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_user_signals_harm_no_process(scripted: ScriptedSite, number: signal.Signals) -> None:
    helper = scripted.serve(sections='[log]\nfile = "log"')
    wait_until(lambda: bool(helper.processes("file watcher") and helper.processes("log writer")), "every process")
    processes = [helper.process.pid, *helper.descendants()]
    for _ in range(10):
        for process in processes:
            os.kill(process, number)
        assert helper.ask(bobs_request(1)) == b"OK"
        assert helper.ask(scripted_request(2, "yes")) == b"OK"
    assert all(map(is_alive, processes))
    with clean_exit(helper):
        helper.close()


def serve_at_terminal(scripted: ScriptedSite) -> Helper:
    """Start a helper with a controlling terminal. `stdin` and `stdout` are the other end of the terminal."""
    ours, its = os.openpty()
    scripted.configure()
    helper = scripted.site.serve(stdin=its, stdout=its, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(its)
    helper.process.stdin = open(os.dup(ours), "wb", buffering=0)  # noqa: SIM115  # Helper.kill closes them
    helper.process.stdout = open(ours, "rb", buffering=0)  # noqa: SIM115
    helper.wait_for_information("serving")
    return helper


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
def test_helper_serves_in_any_environment(scripted: ScriptedSite, options: dict[str, Any]) -> None:
    scripted.site.write("passwd", "bøb@example.org:{PLAIN}pässword\n")
    helper = scripted.serve(**options)
    assert helper.ask("1 VRFY bøb@example.org pässword".encode()) == b"OK"
    assert helper.ask("2 VRFY bøb@example.org password".encode()) == b"ERROR incorrect password"
    assert "bøb@example.org" in helper.wait_for_information("PASSWORD_MISMATCH")
    assert helper.ask(scripted_request(3, "yes")) == b"OK"
    with clean_exit(helper):
        helper.close()


def test_helper_serves_with_too_few_descriptors_for_all_workers(scripted: ScriptedSite) -> None:
    helper = scripted.serve(
        settings="workers = 20", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
    )
    assert helper.ask(bobs_request(1)) == b"OK"
    helper.wait_for_information("cannot start a worker")
    send_sighup(helper)
    helper.wait_for_information("Too many open files")
    assert helper.ask(bobs_request(2)) == b"OK"
    with clean_exit(helper):
        helper.close()


def test_reload_works_after_the_working_directory_is_removed(scripted: ScriptedSite) -> None:
    folder = scripted.site.folder / "base"
    folder.mkdir()
    helper = scripted.serve(cwd=folder)
    folder.rmdir()
    assert helper.ask(bobs_request(1)) == b"OK"
    scripted.site.write("passwd", "carol@example.org:{PLAIN}new\n")
    wait_for_serving(helper, 2)
    assert helper.ask(bobs_request(2)) == b"ERROR incorrect password"
    send_sighup(helper)
    helper.wait_for_information("serving")
    assert helper.ask(b"3 VRFY carol@example.org new") == b"OK"
    assert helper.ask(scripted_request(4, "yes")) == b"OK"


@pytest.mark.parametrize("command", [EXTAUTH, [sys.executable, "-m", "extauth"]], ids=["extauth", "python -m"])
def test_helper_starts_in_a_removed_working_directory(site: Site, command: list[str]) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    folder = site.folder / "base"
    folder.mkdir()
    remove_it = f"rmdir {folder} && exec {' '.join(command)} serve -c {site.config}"
    done = subprocess.run(
        ["sh", "-c", remove_it], cwd=folder, input=b"1 VRFY bob password\n", capture_output=True, check=True, timeout=60
    )
    assert b"1 OK" in done.stdout.splitlines()
    assert done.stderr == b""


JUMPING = [  # the wall clock goes back and forth by years, from one call to the next
    sys.executable,
    "-c",
    "import itertools, time; real, jumps = time.time, itertools.cycle([0, 1e9, -1e9]); "
    "time.time = lambda: real() + next(jumps); from extauth.cli import main; main()",
]


def test_jumping_clock_changes_no_reply(scripted: ScriptedSite) -> None:
    scripted.configure(settings="workers = 1\ndeadline = 5", sections="[cache]\n")
    helper = scripted.site.serve(JUMPING)
    for number in range(50):
        assert helper.ask(bobs_request(number)) == b"OK"
        assert helper.ask(scripted_request(number, "yes")) == b"OK"
    with clean_exit(helper):
        helper.close()

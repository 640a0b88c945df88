"""What the program that starts the helper leaves behind: umask, core limit, signals, rights. Seen from outside."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helper import Helper, Site, clean_exit, send_sighup, wait_for_serving, wait_until
from tests.needs import needs_root
from tests.ordinary_user import NOBODY, run_as_nobody
from tests.plugins import ScriptedSite, bobs_request, scripted_request

IGNORED_BY_PYTHON = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
INTERNAL = 1 << 31 | 1 << 32  # signals 32 and 33 are the C library's own: no program can change them


def hostile_start() -> None:
    """Leave everything to the helper that weakens it."""
    os.umask(0)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def status(process: int, key: str) -> str:
    """Return a line of /proc/PID/status."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{key}:"))


def workers_of(helper: Helper, workers: int) -> list[int]:
    """Return the workers, when there are so many and a spare one."""
    wait_until(lambda: len(helper.processes("worker")) == workers + 1, f"{workers} workers and a spare one")
    return helper.processes("worker")


def processes(helper: Helper, workers: int) -> list[int]:
    """Return all processes, when there are so many workers, a spare one, and everything else."""
    for kind in ("file watcher", "status server"):
        wait_until(lambda kind=kind: len(helper.processes(kind)) == 1, f"a {kind}")  # type: ignore[misc]
    workers_of(helper, workers)
    return [helper.process.pid, *helper.descendants()]


def test_every_process_resets_the_settings_of_its_parent(scripted: ScriptedSite) -> None:
    helper = scripted.serve(preexec_fn=hostile_start)
    assert helper.ask(bobs_request(1)) == b"OK"
    for process in processes(helper, workers=1):
        assert status(process, "Umask") == "0077"
        assert int(status(process, "SigBlk"), 16) == 0
        assert int(status(process, "SigIgn"), 16) & ~INTERNAL == IGNORED_BY_PYTHON
        limits = Path(f"/proc/{process}/limits").read_text()
        assert "Max core file size        0                    0 " in limits
    with clean_exit(helper):
        helper.close()


def test_dead_workers_are_replaced_if_signals_were_blocked(scripted: ScriptedSite) -> None:
    helper = scripted.serve(preexec_fn=hostile_start)
    supervisors = helper.processes("supervisor")
    killed = workers_of(helper, workers=1)
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    helper.wait_for_information("was killed by SIGKILL")
    assert helper.ask(bobs_request(1)) == b"OK"
    assert helper.processes("supervisor") == supervisors
    assert set(killed).isdisjoint(workers_of(helper, workers=1))


@pytest.mark.parametrize("crash", ["read address 0", "abort"])
def test_a_crash_leaves_no_core_file(scripted: ScriptedSite, tmp_path: Path, crash: str) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    helper = scripted.serve(preexec_fn=hostile_start, cwd=folder)
    helper.send(scripted_request(1, crash))
    helper.wait_for_information("was killed by SIG")
    os.kill(helper.process.pid, signal.SIGSEGV)
    assert helper.wait_for_end() == -signal.SIGSEGV
    assert list(folder.iterdir()) == []


@pytest.fixture
def nobodys_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that belongs to an ordinary user, who also runs its helpers."""
    run_as_nobody(monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.configure(site.BASIC + "[helper]\nworkers = 2\n")
        site.write("passwd", site.ACCOUNTS)
        for path in (site.folder, *site.folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        yield site
        for helper in site.helpers:
            helper.kill()


@needs_root
def test_helper_serves_and_reloads_as_an_ordinary_user(nobodys_site: Site) -> None:
    helper = nobodys_site.serve(umask=0)
    assert helper.ask(b"1 VRFY alice open sesame") == b"OK"
    first = set(processes(helper, workers=2)) - {helper.process.pid, *helper.processes("status server")}
    os.kill(workers_of(helper, workers=2)[0], signal.SIGKILL)
    helper.wait_for_information("was killed by SIGKILL")
    os.chown(nobodys_site.write("passwd", "carol@example.com:{PLAIN}new\n"), NOBODY, NOBODY)
    wait_for_serving(helper, 2)
    assert helper.ask(b"2 VRFY carol new") == b"OK"
    send_sighup(helper)
    helper.wait_for_information("serving")
    wait_until(lambda: set(helper.descendants()).isdisjoint(first), "the end of the first generation")
    with clean_exit(helper):
        helper.close()


@needs_root
def test_an_ordinary_user_cannot_read_the_memory_of_its_helper(nobodys_site: Site) -> None:
    helper = nobodys_site.serve()
    for process in processes(helper, workers=2):
        assert status(process, "Uid").split()[0] == str(NOBODY)
        assert Path(f"/proc/{process}/mem").stat().st_uid == 0  # PR_SET_DUMPABLE is 0


@pytest.mark.parametrize("allowed", [False, True])
def test_only_workers_may_not_start_setuid_programs(scripted: ScriptedSite, allowed: bool) -> None:
    setting = "allow_setuid = true" if allowed else ""
    helper = scripted.serve(settings=f"workers = 2\n{setting}")
    workers = workers_of(helper, workers=2)
    assert {status(process, "NoNewPrivs") for process in processes(helper, workers=2) if process not in workers} == {
        "0"
    }
    expected = [str(int(not allowed))] * 3
    wait_until(lambda: [status(worker, "NoNewPrivs") for worker in workers] == expected, "the workers' setting")


@pytest.mark.parametrize("umask", [0, 0o077])
@pytest.mark.parametrize(("setting", "mode"), [("", 0o640), ('mode = "0644"', 0o644), ('mode = "600"', 0o600)])
def test_a_new_log_file_gets_the_configured_mode(site: Site, umask: int, setting: str, mode: int) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure(f'{site.BASIC}[log]\nfile = "log"\n{setting}\n')
    helper = site.serve(umask=umask)
    assert helper.end() == 0
    assert (site.folder / "log").stat().st_mode & 0o777 == mode


def test_an_existing_log_file_keeps_its_mode(site: Site) -> None:
    site.write("passwd", site.ACCOUNTS)
    log = site.write("log", "", mode=0o604)
    site.configure(f'{site.BASIC}[log]\nfile = "log"\nmode = "0640"\n')
    assert site.serve().end() == 0
    assert log.stat().st_mode & 0o777 == 0o604

"""Files on a file system that hangs, as NFS does when its server is gone: only the process that calls it waits."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hanging_file_system import HangingFileSystem
from tests.helper import Helper, Site, clean_exit, send_sighup, title_of, wait_for_exit, wait_for_serving, wait_until
from tests.needs import needs_fuse
from tests.plugins import ScriptedSite, bobs_request, scripted_request

pytestmark = needs_fuse

CAROL = b"1 VRFY carol@example.net password"
TEMPORARY = b"ERROR temporary failure"
IMPATIENT = [
    *(sys.executable, "-c"),
    "from extauth.frontend import timeouts; timeouts.LOAD = 1.0; from extauth.cli import main; main()",
]
"""The helper with a short time for loading."""

READS_FILE = """\
import extauth
from pathlib import Path

class ReadsFileSettings(extauth.Settings):
    path: Path

class ReadsFile(extauth.Backend):
    Settings = ReadsFileSettings

    def verify_password(self, account, password):
        return extauth.Verdict.OK if self.settings.path.read_bytes() else extauth.Verdict.PASSWORD_MISMATCH
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[HangingFileSystem]:
    """A file system with a password file for carol."""
    with HangingFileSystem(tmp_path) as disk:
        write(disk, "passwd", "carol@example.net:{PLAIN}password\n")
        yield disk


def write(disk: HangingFileSystem, name: str, content: str) -> Path:
    """Write a private file."""
    path = disk.folder / name
    path.write_text(content)
    path.chmod(0o600)
    return path


def carols_file(disk: HangingFileSystem) -> str:
    """Return the section of a backend with the file on the file system."""
    return f'[[backend]]\ntype = "files"\nname = "carol"\ndomains = ["example.net"]\npath = "{disk.folder}/passwd"\n'


def end_in_time(helper: Helper) -> list[int]:
    """End the helper and check that it takes less than 5 seconds. Return its processes: some may still hang."""
    processes = helper.descendants()
    started = time.monotonic()
    assert helper.end() == 0
    assert time.monotonic() - started < 5
    assert helper.errors() == ""
    return processes


def hang_all(disk: HangingFileSystem) -> None:
    """Stop the file system, and wait until a process hangs there."""
    disk.stop()
    wait_until(disk.holds_a_call, "a call that hangs")


def test_hanging_password_file_stops_no_other_process(scripted: ScriptedSite, disk: HangingFileSystem) -> None:
    helper = scripted.serve(settings="workers = 2", sections=carols_file(disk))
    assert helper.ask(CAROL) == b"OK"
    hang_all(disk)
    supervisors = helper.processes("supervisor")
    for worker in helper.processes("worker"):
        os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda worker=worker: (
                worker not in helper.descendants()  # type: ignore[misc]
                and len(helper.processes("worker")) == 3
            ),
            "a new worker",
        )
    assert helper.ask(scripted_request(2, "yes")) == b"OK"
    assert helper.ask(bobs_request(3)) == b"OK"
    assert helper.ask(CAROL) == b"OK"
    assert helper.processes("supervisor") == supervisors
    processes = end_in_time(helper)
    disk.resume()
    wait_for_exit(processes)


def test_changed_file_is_noticed_after_the_file_system_resumes(scripted: ScriptedSite, disk: HangingFileSystem) -> None:
    helper = scripted.serve(sections=carols_file(disk))
    hang_all(disk)
    assert helper.ask(bobs_request(1)) == b"OK"
    disk.resume()
    write(disk, "passwd", "carol@example.net:{PLAIN}other\n")
    helper.wait_for_information("changed: .*passwd")
    wait_for_serving(helper, 2)
    assert helper.ask(CAROL) == b"ERROR incorrect password"
    with clean_exit(helper):
        helper.close()


def site_with_configuration_on(disk: HangingFileSystem) -> Site:
    """Return a site whose configuration is on the file system. Its password file is not."""
    site = Site(disk.folder.parent)
    site.write("passwd", site.ACCOUNTS)
    site.config = write(disk, "extauth.toml", Site.BASIC.replace('"passwd"', f'"{site.folder}/passwd"'))
    return site


@pytest.fixture
def remote(disk: HangingFileSystem) -> Iterator[Site]:
    """A site whose configuration is on the file system."""
    site = site_with_configuration_on(disk)
    yield site
    for helper in site.helpers:
        helper.kill()


RIGHT = b"1 VRFY alice@example.com open sesame"


def test_replies_go_on_while_a_reload_hangs(remote: Site, disk: HangingFileSystem) -> None:
    helper = remote.serve()
    assert helper.ask(RIGHT) == b"OK"
    disk.stop()
    send_sighup(helper)
    wait_until(disk.holds_a_call, "a call that hangs")
    assert helper.ask(RIGHT) == b"OK"
    processes = end_in_time(helper)
    disk.resume()
    wait_for_exit(processes)


def test_hanging_reload_fails_when_its_time_is_over(remote: Site, disk: HangingFileSystem) -> None:
    helper = remote.serve(IMPATIENT)
    assert helper.ask(RIGHT) == b"OK"
    disk.stop()
    for _ in range(2):
        send_sighup(helper)
        failed = "reload failed, keeping the previous configuration: .*extauth.toml: loading it takes more than 1 s"
        helper.wait_for_information(failed)
        assert helper.ask(RIGHT) == b"OK"
    disk.resume()
    wait_until(lambda: len(helper.processes("worker")) == 1 + (os.cpu_count() or 1), "the end of hung processes")
    send_sighup(helper)
    helper.wait_for_information("serving with")
    with clean_exit(helper):
        helper.close()


def test_input_ends_although_the_configuration_hangs_at_the_start(remote: Site, disk: HangingFileSystem) -> None:
    disk.stop()
    helper = remote.serve()
    helper.send(RIGHT, b"2 VRFY alice open sesame")
    wait_until(disk.holds_a_call, "a call that hangs")
    processes = end_in_time(helper)
    assert sorted(helper.replies) == [b"1 " + TEMPORARY, b"2 " + TEMPORARY]
    disk.resume()
    wait_for_exit(processes)


def test_input_ends_although_a_password_file_hangs_at_the_start(
    scripted: ScriptedSite, disk: HangingFileSystem
) -> None:
    scripted.configure(sections=carols_file(disk))
    disk.stop()
    helper = scripted.site.serve()
    helper.send(bobs_request(1))
    wait_until(disk.holds_a_call, "a call that hangs")
    processes = end_in_time(helper)
    assert helper.replies == [b"1 " + TEMPORARY]
    disk.resume()
    wait_for_exit(processes)


def test_worker_that_cannot_be_killed_is_left_behind(site: Site, disk: HangingFileSystem) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.write("reads_file.py", READS_FILE)
    backend = (
        f'[[backend]]\ntype = "reads_file.py:ReadsFile"\ndomains = ["example.net"]\npath = "{disk.folder}/passwd"\n'
    )
    site.configure(f"[helper]\nworkers = 1\ndeadline = 1\n{backend}{Site.BASIC.partition(chr(10))[2]}")
    helper = site.serve()
    assert helper.ask(CAROL) == b"OK"
    old = helper.processes("supervisor") + helper.processes("worker")
    disk.stop()
    assert helper.ask(CAROL) == TEMPORARY
    assert helper.ask(RIGHT) == b"OK"
    send_sighup(helper)
    helper.wait_for_information("serving with")
    wait_for_exit([old[0]])  # its worker still waits for the file
    stuck = set(old) & set(helper.descendants())
    assert stuck
    assert helper.ask(RIGHT) == b"OK"
    disk.resume()
    wait_until(lambda: not stuck & set(helper.descendants()), "the end of the old worker")
    disk.stop()
    assert helper.ask(CAROL) == TEMPORARY
    processes = end_in_time(helper)
    disk.resume()
    wait_for_exit(processes)


def test_file_watcher_that_dies_is_started_again(site: Site) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve()

    def watchers() -> list[int]:
        return [process for process in helper.descendants() if title_of(process) == "extauth: file watcher"]

    wait_until(lambda: len(watchers()) == 1, "a file watcher")
    (first,) = watchers()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(set(watchers()) - {first}) == 1, "another file watcher")
    site.write("passwd", "alice@example.com:{PLAIN}new\n")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@example.com new") == b"OK"
    with clean_exit(helper):
        helper.close()

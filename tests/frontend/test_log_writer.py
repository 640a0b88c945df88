"""The process that writes the log: a log that cannot be written stops no reply and not the end of input."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hanging_file_system import HangingFileSystem
from tests.helper import Helper, Site, clean_exit, send_sighup, stop_process, wait_for_exit, wait_until
from tests.needs import needs_fuse, needs_mounts
from tests.plugins import ScriptedSite, scripted_request

BACKEND = '[[backend]]\ntype = "files"\npath = "passwd"\ndomains = ["example.com"]\n'
RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[\d+\] [A-Z][A-Za-z &]*: \S.*")
REFUSED = b"ERROR incorrect password"


def serve(site: Site, file: Path | str, **options: object) -> Helper:
    """Start a helper with this log file. Wait until it serves."""
    site.write("passwd", site.ACCOUNTS)
    configure(site, file)
    helper = site.serve(**options)
    helper.wait_for_information("serving")
    return helper


def configure(site: Site, file: Path | str) -> None:
    """Write a configuration with this log file, and one worker: it keeps the order of requests."""
    site.configure(f'[helper]\nworkers = 1\n[log]\nmail_server_level = "Major & Failures"\nfile = "{file}"\n{BACKEND}')


def log_writers(helper: Helper) -> list[int]:
    """Return the log writers of a helper."""
    return [process for process in helper.descendants() if title(process) == "extauth: log writer"]


def log_writer(helper: Helper) -> int:
    """Return the only log writer. A new process has its title after a moment."""
    wait_until(lambda: len(log_writers(helper)) == 1, "the log writer")
    return log_writers(helper)[0]


def title(process: int) -> str:
    """Return the title of a process; "" if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().strip("\0 ")
    except OSError:
        return ""


def request(number: int) -> bytes:
    """Return a request whose record is long and has this number."""
    return b"%d VRFY %d-%s@other.example no" % (number, number, b"x" * 220)


def numbers(log: str) -> list[int]:
    """Return the numbers of these requests in a log. Check that every line is a whole record."""
    lines = log.splitlines()
    assert [line for line in lines if not RECORD.fullmatch(line)] == []
    return [int(found[1]) for line in lines if (found := re.search(r"account=(\d+)-x", line))]


def test_every_record_is_written_in_order_at_the_end(site: Site) -> None:
    log = site.folder / "log"
    helper = serve(site, log)
    opened = [entry.readlink() for entry in Path(f"/proc/{helper.process.pid}/fd").iterdir()]
    assert log not in opened
    with clean_exit(helper):
        helper.send(*(request(number) for number in range(5_000)))
        helper.close()
    assert numbers(log.read_text()) == list(range(5_000))


def test_new_log_file_has_its_mode_with_any_umask(site: Site) -> None:
    for umask in (0, 0o077):
        log = site.folder / f"log{umask}"
        assert serve(site, log, umask=umask).end() == 0
        assert log.stat().st_mode & 0o777 == 0o640


@needs_fuse
def test_hanging_file_system_stops_neither_replies_nor_the_end(site: Site, tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path) as system:
        helper = serve(site, system.folder / "log")
        system.stop()
        assert helper.ask(request(1)) == REFUSED
        wait_until(system.holds_a_call, "the log writer, which hangs")
        assert "hanging/log: a write takes longer" in helper.wait_for_information("cannot write the log")
        for number in range(2, 20):
            assert helper.ask(request(number)) == REFUSED
        assert helper.ask(b"20 VRFY bob@example.com password") == b"OK"
        writer = log_writer(helper)
        started = time.monotonic()
        assert helper.end() == 0
        assert time.monotonic() - started < 5
        system.resume()
        wait_for_exit([writer])


@needs_fuse
def test_hanging_log_and_hanging_backend_end_in_five_seconds(scripted: ScriptedSite, tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path) as system:
        helper = scripted.serve(sections=f'[log]\nfile = "{system.folder}/log"')
        system.stop()
        helper.send(scripted_request(1, "stop"))
        scripted.wait_for("stop")
        wait_until(system.holds_a_call, "the log writer, which hangs")
        started = time.monotonic()
        assert helper.end() == 0
        assert time.monotonic() - started < 5
        assert helper.replies == [b"1 ERROR temporary failure"]


@needs_fuse
def test_records_are_written_when_the_file_system_resumes(site: Site, tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path) as system:
        helper = serve(site, system.folder / "log")
        system.stop()
        helper.send(*(request(number) for number in range(5_000)))
        helper.wait_for_replies(5_000)
        helper.wait_for_information("cannot write the log")
        system.resume()
        helper.wait_for_information("log: works again$")
        log = system.folder / "log"
        wait_until(lambda: "account=4999-x" in log.read_text(), "the last record")
        with clean_exit(helper):
            helper.close()
        assert numbers(log.read_text()) == list(range(5_000))


@needs_fuse
def test_another_log_file_is_written_while_the_old_one_hangs(site: Site, tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path) as system:
        helper = serve(site, system.folder / "log")
        system.stop()
        assert helper.ask(request(1)) == REFUSED
        wait_until(system.holds_a_call, "the log writer, which hangs")
        configure(site, site.folder / "log")
        send_sighup(helper)
        helper.wait_for_information("serving")
        assert helper.ask(request(2)) == REFUSED
        log = site.folder / "log"
        wait_until(lambda: log.exists() and 2 in numbers(log.read_text()), "a record in the other file")
        assert len(log_writers(helper)) == 2
        system.resume()
        wait_until(lambda: len(log_writers(helper)) == 1, "the end of the first log writer")
        assert 1 in numbers((system.folder / "log").read_text())
        with clean_exit(helper):
            helper.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_mounts
def test_full_disk_is_reported_once_with_the_lost_records(site: Site, small_disk: Path) -> None:
    (small_disk / "other").write_bytes(b"x" * 50_000)
    helper = serve(site, small_disk / "log")
    helper.send(*(request(number) for number in range(100)))
    helper.wait_for_replies(100)
    helper.wait_for_information("cannot write the log: log.file = .*: No space left on device")
    (small_disk / "other").unlink()
    assert helper.ask(request(100)) == REFUSED
    lost = re.findall(r"log: works again; (\d+) records", helper.wait_for_information("works again"))[0]
    assert helper.end() == 0
    lines = (small_disk / "log").read_text().splitlines()
    written = sum(line.endswith('no backend serves this domain"') for line in lines)
    assert 101 <= written + int(lost) <= 103, "on a busy machine, a record about a worker may be lost too"
    assert sum(line.count("account=") > 1 for line in lines) == 0
    assert sum("cannot write the log" in line for line in helper.information) == 1


@pytest.fixture
def fifo(site: Site) -> Iterator[int]:
    """The descriptor of the FIFO `log`: what reads from it."""
    os.mkfifo(site.folder / "log")
    descriptor = os.open(site.folder / "log", os.O_RDONLY | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


def test_dropped_records_are_counted_and_reported(site: Site, fifo: int) -> None:
    count = 20_000
    helper = serve(site, site.folder / "log")
    for number in range(count):
        helper.send(request(number))
        if number % 1000 == 999:
            helper.wait_for_replies(number + 1)
    helper.wait_for_information("cannot write the log: the log writer is too slow or hangs")
    log = read_until(fifo, "records were dropped")
    dropped = int(re.findall(r"(\d+) records were dropped because the log writer was too slow", log)[0])
    assert numbers(log) == list(range(count - dropped))
    helper.wait_for_information(f"{dropped} records were dropped")
    helper.send(request(count))
    assert numbers(read_until(fifo, f"account={count}-")) == [count]
    assert helper.end() == 0


def read_until(fifo: int, text: str) -> str:
    """Read until this text has come, and the line that it stands in."""
    log = b""

    def has_come() -> bool:
        nonlocal log
        while select.select([fifo], [], [], 0)[0] and (data := os.read(fifo, 65_536)):
            log += data
        return text.encode() in log and log.endswith(b"\n")

    wait_until(has_come, text)
    return log.decode()


def test_unread_log_delays_shutdown_by_half_a_second(site: Site, fifo: int) -> None:
    helper = serve(site, site.folder / "log")
    helper.send(*(request(number) for number in range(5_000)))
    helper.wait_for_replies(5_000)
    started = time.monotonic()
    with clean_exit(helper):
        helper.close()
    assert time.monotonic() - started < 3


def test_killed_log_writer_is_replaced_and_keeps_unsent_records(site: Site) -> None:
    log = site.folder / "log"
    helper = serve(site, log)
    first = log_writer(helper)
    assert helper.ask(request(0)) == REFUSED
    wait_until(lambda: log.exists() and numbers(log.read_text()) == [0], "the first record")
    stop_process(first)
    helper.send(*(request(number) for number in range(1, 5_000)))
    helper.wait_for_replies(4_999)
    os.kill(first, signal.SIGKILL)
    helper.wait_for_information("the log writer died; another one starts in 0.25 s")
    wait_until(lambda: log_writers(helper) not in ([], [first]), "another log writer")
    assert helper.ask(request(5_000)) == REFUSED
    assert helper.end() == 0
    written = numbers(log.read_text())
    lost = 5_001 - len(written)
    assert written == [0, *range(lost + 1, 5_001)]
    assert lost < 2_000  # as much as the socket holds
    assert "the log writer died" in log.read_text()


def test_log_writer_ends_when_no_log_is_configured(site: Site) -> None:
    helper = serve(site, site.folder / "log")
    first = log_writer(helper)
    site.configure(f'[log]\nmail_server_level = "Major & Failures"\n{BACKEND}')
    send_sighup(helper)
    wait_for_exit([first])
    helper.wait_for_information("serving")
    assert helper.ask(request(1)) == REFUSED
    configure(site, site.folder / "log")
    send_sighup(helper)
    helper.wait_for_information("serving")
    wait_until(lambda: len(helper.processes("supervisor")) == 1, "the end of the old generation")
    assert helper.ask(request(2)) == REFUSED
    assert helper.end() == 0
    assert numbers((site.folder / "log").read_text()) == [2]
    assert not any("died" in line for line in helper.information)


def test_log_writer_writes_the_last_records_of_a_killed_frontend(site: Site) -> None:
    helper = serve(site, site.folder / "log")
    writer = log_writer(helper)
    stop_process(writer)
    assert helper.ask(request(1)) == REFUSED
    helper.process.kill()
    helper.process.wait()
    os.kill(writer, signal.SIGCONT)
    wait_for_exit([writer])
    assert numbers((site.folder / "log").read_text()) == [1]

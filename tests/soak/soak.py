"""The soak test. SOAK is its length in seconds. The same SEED makes a similar run."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helper import Site, wait_until
from tests.plugins import plugin
from tests.soak.accounts import RELOADED_WITHIN
from tests.soak.administrator import Administrator
from tests.soak.disturbances import WORKERS_AT_REST, Disturbances
from tests.soak.services import Services
from tests.soak.traffic import INCORRECT, OK, Traffic

_DEADLINE = 3.0  # seconds, as configured
_UNDER_WAY = 200
_BETWEEN_DISTURBANCES = 0.5  # seconds
_LAST_CHANGE_CHECKED = RELOADED_WITHIN + 3.0  # seconds
_WARM_UP = 20_000  # requests before sizes are measured
_MOST_TEMPORARY = 0.02  # of each kind: those of killed processes
_LEAST_RATE = 100  # requests in a second: with fewer, the run shows nothing


class Soak:
    """Sends requests with and without disturbances, and measures sizes."""

    def __init__(self, site: Site, seed: int, *, can_fill_disk: bool) -> None:
        self.traffic = Traffic(seed, _DEADLINE)
        site.write("unreliable_backend.py", plugin("unreliable_backend.py"))
        self.longest_pause = 0.0
        """Seconds between two replies. If it is long, the machine was busy, or the processes were stopped."""
        self._last_reply = time.monotonic()
        self.services = Services(seed, site)
        self.disturbances = Disturbances(seed, site, self.traffic, self.services, can_fill_disk=can_fill_disk)
        self.helper = self.disturbances.helper
        assert self.helper.ask(b"0 INTF 7") == b"INTF 7"
        assert self.helper.ask(b"0 VRFY nobody@files.example pw0") == INCORRECT
        status_socket = site.folder / "run" / f"{self.helper.process.pid}.sock"
        self.administrator = Administrator(seed, status_socket, self.disturbances.metrics_port)

    def run(self, seconds: float) -> None:
        """Send requests for some seconds, with disturbances."""
        self.disturbances.repair_the_configuration()
        end = time.monotonic() + seconds
        next_disturbance = time.monotonic() + _BETWEEN_DISTURBANCES
        while (now := time.monotonic()) < end:
            self._send()
            self.disturbances.go_on()
            if now >= next_disturbance:
                self.traffic.check_waiting()
                self.administrator.check()
                self.disturbances.disturb()
                self.helper.information.clear()
                next_disturbance = now + _BETWEEN_DISTURBANCES

    def sizes(self) -> dict[str, float]:
        """Return memory in MiB, descriptors, threads and processes, at rest.

        Before that, requests crash and hang for a time without further reloads: the processes that they need must end.
        """
        self.disturbances.end()
        self.disturbances.change_passwords_while_reloads_fail()
        self._send_for(_LAST_CHANGE_CHECKED)
        self.disturbances.free_the_disk()
        before = self.traffic.answered.total()
        while self.traffic.answered.total() < before + _WARM_UP:
            self._send(harmless_only=True)
        self._wait_for_all()
        with contextlib.suppress(AssertionError):  # then the sizes say what is too much
            wait_until(self._is_at_rest, "rest")
        wait_until(self._logs, "a record in the log")
        frontend = self.helper.process.pid
        processes = [frontend, *self.helper.descendants()]
        return {
            "memory of the frontend": _memory(frontend, "Anonymous"),
            "memory": sum(_memory(process, "Pss_Anon") for process in processes),
            "memory of the status server": max(_memory(each, "Anonymous") for each in self.helper.processes("status")),
            "descriptors of the frontend": _count(frontend, "fd"),
            "descriptors": sum(_count(process, "fd") for process in processes),
            "threads": sum(_count(process, "task") for process in processes),
            "processes": len(processes),
            "workers": len(self.helper.processes("worker")),
        }

    def check_services(self) -> None:
        """Check at rest what has failed meanwhile: the status, the metrics, new accounts, passwords, the throttle."""
        self.administrator.end()
        requests = self.traffic.answered.total() + 1
        report = self.administrator.status()
        assert requests <= report.snapshot.replies <= requests + self.administrator.verified
        assert not report.problems
        assert report.snapshot.throttle is not None
        assert report.snapshot.throttle.delayed > 0
        self.administrator.metrics()
        assert self.helper.ask(b"1 NEW name1@new.example") == OK
        words = {f"mover{number}@plugin.example": f"last{number}" for number in range(10)}
        for account, word in words.items():
            assert self.helper.ask(f"1 VRFY {account} {word}".encode()) == OK
        passwords = self.services.mail_server.passwords
        wait_until(lambda: words.items() <= passwords.items(), "the passwords in the mail server")

    def end(self) -> None:
        """Close its input while requests are under way."""
        self.helper.send(*[self.traffic.next_request() for _ in range(_UNDER_WAY)])
        assert self.helper.end() == 0
        assert self.helper.errors() == ""
        self._check_replies()
        assert not self.traffic.under_way

    def _is_at_rest(self) -> bool:
        titles = ("supervisor", "file watcher", "log writer", "status server", "failure counter", "handover")
        counts = [len(self.helper.processes(title)) for title in titles]
        return counts == [1] * len(titles) and len(self.helper.processes("worker")) == WORKERS_AT_REST

    def _logs(self) -> bool:
        log = self.disturbances.log
        return log.exists() and log.stat().st_size > 0

    def _send_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._send()
            self.disturbances.go_on()

    def _send(self, *, harmless_only: bool = False) -> None:
        missing = _UNDER_WAY - len(self.traffic.under_way)
        self.helper.send(*[self.traffic.next_request(harmless_only=harmless_only) for _ in range(missing)])
        self.helper.wait_for(lambda: bool(self.helper.replies), "a reply")
        self._note_pause()
        self._check_replies()

    def _note_pause(self) -> None:
        now = time.monotonic()
        self.longest_pause = max(self.longest_pause, now - self._last_reply)
        self._last_reply = now

    def _wait_for_all(self) -> None:
        self.helper.wait_for(lambda: len(self.helper.replies) == len(self.traffic.under_way), "the last replies")
        self._check_replies()

    def _check_replies(self) -> None:
        replies, self.helper.replies = self.helper.replies, []
        for reply in replies:
            self.traffic.check_reply(reply)


def _memory(process: int, name: str) -> float:
    """Return MiB that are not shared with other programs; 0 if the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _count(process: int, what: str) -> int:
    """Return how many of these a process has: `fd` or `task`; 0 if it has ended."""
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{process}/{what}").iterdir()))
    return 0


@pytest.fixture
def can_fill_disk(site: Site) -> Iterator[bool]:
    """Make the folder `disk`, a small file system if possible. Return whether it is one."""
    disk = site.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    is_small = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if not is_small:
        print("\ncannot mount a file system: the disk does not become full")
    yield is_small
    if is_small:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_every_request_is_answered_correctly_and_nothing_grows(site: Site, can_fill_disk: bool) -> None:
    seconds = float(os.environ.get("SOAK", "600"))
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"\nSEED={seed}", flush=True)
    soak = Soak(site, seed, can_fill_disk=can_fill_disk)
    try:
        soak.run(seconds / 4)
        before = soak.sizes()
        soak.run(seconds * 3 / 4)
        after = soak.sizes()
        soak.check_services()
        soak.end()
    finally:
        soak.services.end()
        temporary = soak.traffic.shares_of_temporary()
        print(soak.traffic.table())
        rate = soak.traffic.answered.total() / seconds
        print(f"{rate:.0f} requests in a second; the longest pause between replies was {soak.longest_pause:.1f} s")
        print("temporary failures:", ", ".join(f"{kind} {share:.3%}" for kind, share in temporary.items()))
        print("disturbances:", ", ".join(f"{count} x {kind}" for kind, count in soak.disturbances.done.most_common()))
        print("administrator:", ", ".join(f"{count} x {kind}" for kind, count in soak.administrator.done.most_common()))
    for name, size in after.items():
        print(f"{name}: {before[name]:.1f} before, {size:.1f} after")
    assert (before["workers"], after["workers"]) == (WORKERS_AT_REST, WORKERS_AT_REST)
    assert max(temporary.values()) < _MOST_TEMPORARY
    assert soak.traffic.answered.total() > seconds * _LEAST_RATE
    for name, size in after.items():
        assert size <= before[name] * 1.15 + 2, f"{name} grew from {before[name]:.1f} to {size:.1f}"

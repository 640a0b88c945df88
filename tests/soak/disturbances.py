"""Things that happen to the helper during the soak test."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.helper import Helper, Site
from tests.soak.traffic import Traffic

_CONFIGURATION = """\
[helper]
deadline = 3
workers = 2
[log]
mail_server_level = "Failures"
level = "Failures"
file = "disk/log"
[cache]
ttl = 60
negative_ttl = 20
size = 2000
[[backend]]
type = "files"
domains = ["files.example"]
path = "passwd"
[[backend]]
type = "unreliable_backend.py:UnreliableBackend"
domains = ["plugin.example"]
outage = "outage"
[[backend]]
type = "files"
name = "emergency"
domains = ["plugin.example"]
path = "emergency"
emergency = true
"""
WORKERS_AT_REST = 3
"""Those of the configuration, and a spare one."""

_STORM = 50  # signals
_STORM_LASTS = 1.0  # seconds
_CUT_OFF_LASTS = 3.0
_OUTAGE_LASTS = 3.0
_FULL_DISK_LASTS = 3.0
_NOTICED_AFTER = 1.0  # seconds: requests that were sent during an outage may get their replies a little later
_BETWEEN_SUPERVISORS = 12.0  # seconds: a supervisor that dies while it loads is replaced after 10
_BETWEEN_LOG_WRITERS = 65.0  # seconds: one that has lived for less than 60 is replaced later each time


class Disturbances:
    """Disturbs the helper in random ways. `can_fill_disk`: the folder `disk` is a small file system."""

    def __init__(self, seed: int, site: Site, traffic: Traffic, *, can_fill_disk: bool) -> None:
        self._random = random.Random(seed)  # chooses disturbances, not secrets
        self._site = site
        self._traffic = traffic
        self._may_kill: dict[str, float] = {}  # kind of process -> from when on (monotonic seconds)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._disk = site.folder / "disk"
        self._kinds: list[tuple[int, Callable[[], None]]] = [
            (8, self.change_passwords),
            (3, self.cut_off_the_password_file),
            (3, self.send_sighup),
            (1, self.send_a_storm_of_sighup),
            (3, self.kill_a_worker),
            (1, self.kill_the_supervisor),
            (2, self.kill_the_file_watcher),
            (1, self.kill_the_log_writer),
            (1, self.break_the_configuration),
            (1, self.repair_the_configuration),
            (2, self.begin_an_outage),
            (2 if can_fill_disk else 0, self.fill_the_disk),
        ]
        self.done: Counter[str] = Counter()
        site.write("emergency", traffic.emergency_file())
        site.write("passwd", traffic.accounts.whole_file())
        site.configure(_CONFIGURATION)
        self._helper: Helper = site.serve()

    @property
    def helper(self) -> Helper:
        """The helper that is disturbed."""
        return self._helper

    def disturb(self) -> None:
        """Do one random thing."""
        weights, kinds = zip(*self._kinds, strict=True)
        self._random.choices(kinds, weights)[0]()

    def go_on(self) -> None:
        """Do what is due now, because an earlier disturbance lasts for some time."""
        now = time.monotonic()
        due = [each for each in self._later if each[0] <= now]
        self._later = [each for each in self._later if each[0] > now]
        for _, step in due:
            step()

    def end(self) -> None:
        """End every disturbance that lasts."""
        for _, step in self._later:
            step()
        self._later.clear()
        self.repair_the_configuration()

    # --- files ----------------------------------------------------------------------------------------

    def change_passwords(self) -> None:
        """Give some accounts new passwords. The file is replaced."""
        self._count("passwords changed")
        self._traffic.accounts.change()
        self._site.write("passwd", self._traffic.accounts.whole_file())

    def cut_off_the_password_file(self) -> None:
        """Let the file be cut off in a line, as if its writer paused there. The rest follows later, in place."""
        self._count("password file cut off")
        self._write_whole_file()  # the file that is cut off has the newest passwords
        os.truncate(self._site.folder / "passwd", self._traffic.accounts.cut_off())
        self._after(_CUT_OFF_LASTS, self._write_whole_file)

    def _write_whole_file(self) -> None:
        """Write what is missing at the end of the file, in place."""
        passwd = self._site.folder / "passwd"
        with passwd.open("ab") as file:
            file.write(self._traffic.accounts.whole_file()[passwd.stat().st_size :])

    def fill_the_disk(self) -> None:
        """Fill the disk of the log. Later, remove what fills it, and empty the log."""
        self._count("disk filled")
        with contextlib.suppress(OSError), (self._disk / "other").open("ab", buffering=0) as other:
            while other.write(b"x" * 4096):
                pass
        self._after(_FULL_DISK_LASTS, self.free_the_disk)

    def free_the_disk(self) -> None:
        """Make room on the disk of the log."""
        (self._disk / "other").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.log, 0)

    @property
    def log(self) -> Path:
        """The log file."""
        return self._disk / "log"

    # --- configuration and signals --------------------------------------------------------------------

    def send_sighup(self) -> None:
        """Reload by SIGHUP."""
        self._count("SIGHUP")
        self._helper.process.send_signal(signal.SIGHUP)

    def send_a_storm_of_sighup(self) -> None:
        """Send many SIGHUPs one after the other."""
        self._count("storm of SIGHUP")
        for number in range(_STORM):
            self._after(number * _STORM_LASTS / _STORM, self.send_sighup)

    def break_the_configuration(self) -> None:
        """Reload with an invalid configuration, which changes nothing."""
        self._count("configuration broken")
        self._site.configure("[[backend]\n")
        self.send_sighup()

    def repair_the_configuration(self) -> None:
        """Reload with the original configuration."""
        self._count("configuration repaired")
        self._site.configure(_CONFIGURATION)
        self.send_sighup()

    def change_passwords_while_reloads_fail(self) -> None:
        """Change passwords during a storm of SIGHUP with an invalid configuration. The new ones count all the same."""
        self.break_the_configuration()
        self.send_a_storm_of_sighup()
        self.change_passwords()

    # --- backends and processes -----------------------------------------------------------------------

    def begin_an_outage(self) -> None:
        """Make a backend unavailable for some time."""
        self._count("backend unavailable")
        self._traffic.expect_outage(_OUTAGE_LASTS + _NOTICED_AFTER)
        self._site.write("outage", "")
        self._after(_OUTAGE_LASTS, lambda: (self._site.folder / "outage").unlink(missing_ok=True))

    def kill_a_worker(self) -> None:
        """Kill a worker, of any generation."""
        self._kill("worker", 0.0)

    def kill_the_supervisor(self) -> None:
        """Kill a supervisor, unless one was killed recently."""
        self._kill("supervisor", _BETWEEN_SUPERVISORS)

    def kill_the_file_watcher(self) -> None:
        """Kill the process that looks at the files."""
        self._kill("file watcher", 0.0)

    def kill_the_log_writer(self) -> None:
        """Kill the process that writes the log, unless one was killed recently."""
        self._kill("log writer", _BETWEEN_LOG_WRITERS)

    def _kill(self, kind: str, pause: float) -> None:
        """Kill a process of this kind, if the last one was killed long ago."""
        now = time.monotonic()
        found = self._helper.processes(kind)
        if found and now >= self._may_kill.get(kind, 0.0):
            self._may_kill[kind] = now + pause
            self._count(f"{kind} killed")
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(found), signal.SIGKILL)

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, step))

    def _count(self, kind: str) -> None:
        self.done[kind] += 1

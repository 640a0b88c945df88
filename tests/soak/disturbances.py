"""Things that happen to the helper during the soak test."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.backends.ldap.slapd import free_port
from tests.helper import Helper, Site
from tests.soak.accounts import RELOADED_WITHIN
from tests.soak.services import Services
from tests.soak.traffic import Traffic

_CONFIGURATION = """\
[helper]
deadline = 3
workers = 2
run_directory = "run"
[metrics]
listen = "127.0.0.1:{metrics_port}"
textfile = "metrics.prom"
{services}
[handover]
backends = ["UnreliableBackend"]
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
[[backend]]
type = "files"
name = "names"
domains = ["new.example"]
path = "names"
"""
_OTHER_SETTINGS = {"[log]": '[log]\nformat = "json"', "[handover]": "[handover]\nswitch_external_off = true"}
"""Changes to the configuration with which other processes replace the log writer and the handover."""

WORKERS_AT_REST = 3
"""Those of the configuration, and a spare one."""

_STORM = 50  # signals
_STORM_LASTS = 1.0  # seconds
_CUT_OFF_LASTS = 3.0
_OUTAGE_LASTS = 3.0
_FULL_DISK_LASTS = 3.0
_SERVICE_FAILS = 3.0
_NOTICED_AFTER = 1.0  # seconds: requests that were sent during an outage may get their replies a little later

# processes by their titles
_KILLED = {
    "worker": 3,
    "file watcher": 2,
    "supervisor": 1,
    "log writer": 1,
    "status server": 1,
    "failure counter": 1,
    "handover": 1,
}
"""Weights."""
_STOPPED = {"file watcher": 2.0, "log writer": 3.0, "failure counter": 2.0, "status server": 12.0}
"""Seconds that it hangs. A status server is killed before."""
_SIDE_PROCESSES = ("log writer", "status server", "failure counter", "handover")
_PAUSES = {"supervisor": RELOADED_WITHIN + 3.0, **dict.fromkeys(_SIDE_PROCESSES, 90.0)}
"""Seconds from one to the next. What has changed must be in use before a supervisor dies again. The others are replaced
later each time if they die within 60."""


class Disturbances:
    """Disturbs the helper in random ways. `can_fill_disk`: the folder `disk` is a small file system."""

    def __init__(self, seed: int, site: Site, traffic: Traffic, services: Services, *, can_fill_disk: bool) -> None:
        self._random = random.Random(seed)  # chooses disturbances, not secrets
        self._site = site
        self._traffic = traffic
        self._services = services
        self._spared_until: dict[str, float] = {}  # by kind of process (monotonic seconds)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._disk = site.folder / "disk"
        self._kinds: list[tuple[int, Callable[[], None]]] = [
            (8, self.change_passwords),
            (3, self.cut_off_the_password_file),
            (3, self.send_sighup),
            (1, self.send_a_storm_of_sighup),
            *((weight, functools.partial(self._kill, kind)) for kind, weight in _KILLED.items()),
            *((1, functools.partial(self._stop, kind)) for kind in _STOPPED),
            (2, self.disturb_a_service),
            (1, self.rotate_the_log),
            (1, self.change_the_configuration),
            (1, self.break_the_configuration),
            (1, self.repair_the_configuration),
            (2, self.begin_an_outage),
            (2 if can_fill_disk else 0, self.fill_the_disk),
        ]
        self.done: Counter[str] = Counter()
        site.write("emergency", traffic.emergency_file())
        site.write("names", traffic.names_file())
        site.write("passwd", traffic.accounts.whole_file())
        self.metrics_port = free_port()
        self._configuration = _CONFIGURATION.format(metrics_port=self.metrics_port, services=services.configuration())
        site.configure(self._configuration)
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
        for name in ("other", "log.1"):
            (self._disk / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.log, 0)

    def rotate_the_log(self) -> None:
        """Rename the log. Sometimes tell the helper: otherwise it must notice."""
        self._count("log rotated")
        with contextlib.suppress(FileNotFoundError):
            self.log.replace(self._disk / "log.1")
        if self._random.random() < 0.5:
            self.send_sighup()

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
        self._site.configure(self._configuration)
        self.send_sighup()

    def change_the_configuration(self) -> None:
        """Reload with other settings for the log and the handover."""
        self._count("configuration changed")
        changed = self._configuration
        for old, new in _OTHER_SETTINGS.items():
            changed = changed.replace(old, new)
        self._site.configure(changed)
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

    def disturb_a_service(self) -> None:
        """Let the mail server or Redis fail for a time, unless one fails already."""
        if what := self._services.begin_to_fail():
            self._count(what)
            self._after(_SERVICE_FAILS, self._services.end_to_fail)

    def _kill(self, kind: str) -> None:
        """Kill a process of this kind, of any generation."""
        self._signal(kind, signal.SIGKILL, "killed")

    def _stop(self, kind: str) -> None:
        """Let a process of this kind hang for some seconds. Perhaps it is killed meanwhile, and replaced."""
        if process := self._signal(kind, signal.SIGSTOP, "hangs"):
            self._after(_STOPPED[kind], lambda: _send_signal(process, signal.SIGCONT))

    def _signal(self, kind: str, number: int, what: str) -> int:
        """Send a signal to a process of this kind, if the last one was long ago. Return its process id, or 0."""
        now = time.monotonic()
        found = self._helper.processes(kind)
        if not found or now < self._spared_until.get(kind, 0.0):
            return 0
        self._spared_until[kind] = now + _PAUSES.get(kind, 0.0)
        self._count(f"{kind} {what}")
        process = self._random.choice(found)
        _send_signal(process, number)
        return process

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, step))

    def _count(self, kind: str) -> None:
        self.done[kind] += 1


def _send_signal(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)

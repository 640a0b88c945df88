"""Things that happen to the helper during the soak test."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.helper import Helper, Site, parent_of
from tests.soak.traffic import Traffic

CONFIGURATION = """\
[helper]
deadline = 3
workers = 2
[log]
mail_server_level = "Failures"
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
"""


_BETWEEN_SUPERVISORS = 12.0  # seconds: a supervisor that dies again within 10 is replaced later


class Disturbances:
    """Disturbs the helper in random ways."""

    def __init__(self, seed: int, site: Site, helper: Helper, traffic: Traffic) -> None:
        self._random = random.Random(seed)  # chooses disturbances, not secrets
        self._site = site
        self._helper = helper
        self._traffic = traffic
        self._next_supervisor = 0.0
        self._kinds: list[tuple[int, Callable[[], None]]] = [
            (8, self.change_passwords),
            (3, self.send_sighup),
            (3, self.kill_a_worker),
            (1, self.kill_the_supervisor),
            (1, self.break_the_configuration),
            (1, self.repair_the_configuration),
        ]
        self.done: Counter[str] = Counter()

    def disturb(self) -> None:
        """Do one random thing."""
        weights, kinds = zip(*self._kinds, strict=True)
        disturbance = self._random.choices(kinds, weights)[0]
        disturbance()
        self.done[disturbance.__name__] += 1

    def change_passwords(self) -> None:
        """Give some accounts new passwords."""
        self._traffic.change_passwords()
        self._site.write("passwd", self._traffic.password_file())

    def send_sighup(self) -> None:
        """Reload by SIGHUP."""
        self._helper.process.send_signal(signal.SIGHUP)

    def kill_a_worker(self) -> None:
        """Kill a child of a supervisor."""
        self._kill(lambda process: parent_of(process) != self._helper.process.pid)

    def kill_the_supervisor(self) -> None:
        """Kill the supervisor, unless one was killed recently."""
        if time.monotonic() >= self._next_supervisor:
            self._next_supervisor = time.monotonic() + _BETWEEN_SUPERVISORS
            self._kill(lambda process: parent_of(process) == self._helper.process.pid)

    def break_the_configuration(self) -> None:
        """Reload with an invalid configuration, which changes nothing."""
        self._site.configure("[[backend]\n")
        self.send_sighup()

    def repair_the_configuration(self) -> None:
        """Reload with the original configuration."""
        self._site.configure(CONFIGURATION)
        self.send_sighup()

    def _kill(self, matches: Callable[[int], bool]) -> None:
        found = [process for process in self._helper.descendants() if matches(process)]
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(found), signal.SIGKILL)

"""What is done to the program while it runs."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.helper import Helper, Site, parent_of
from tests.soak.ledger import Ledger

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
type = "erratic.py:Erratic"
domains = ["plugin.example"]
"""


_BETWEEN_KEEPERS = 12.0  # seconds: one that dies again within 10 is replaced later, and nothing is answered meanwhile


class Mischief:
    """Does one thing after the other, by chance."""

    def __init__(self, seed: int, site: Site, helper: Helper, ledger: Ledger) -> None:
        self._random = random.Random(seed)  # what happens next, and no secret
        self._site = site
        self._helper = helper
        self._ledger = ledger
        self._next_keeper = 0.0
        self._acts: list[tuple[int, Callable[[], None]]] = [
            (8, self.change_passwords),
            (3, self.hang_up),
            (3, self.kill_a_worker),
            (1, self.kill_the_keeper),
            (1, self.break_the_configuration),
            (1, self.repair_the_configuration),
        ]
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        """Do something."""
        weights, acts = zip(*self._acts, strict=True)
        act = self._random.choices(acts, weights)[0]
        act()
        self.done[act.__name__] += 1

    def change_passwords(self) -> None:
        """Some accounts get new ones."""
        self._ledger.change_some()
        self._site.write("passwd", self._ledger.password_file())

    def hang_up(self) -> None:
        """SIGHUP: everything is read anew."""
        self._helper.process.send_signal(signal.SIGHUP)

    def kill_a_worker(self) -> None:
        """One that a keeper has forked."""
        self._kill(lambda process: parent_of(process) != self._helper.process.pid)

    def kill_the_keeper(self) -> None:
        """The parent of the workers, unless one has just been killed."""
        if time.monotonic() >= self._next_keeper:
            self._next_keeper = time.monotonic() + _BETWEEN_KEEPERS
            self._kill(lambda process: parent_of(process) == self._helper.process.pid)

    def break_the_configuration(self) -> None:
        """What cannot be read changes nothing, whoever asks for it to be read."""
        self._site.configure("[[backend]\n")
        self.hang_up()

    def repair_the_configuration(self) -> None:
        """As it was."""
        self._site.configure(CONFIGURATION)
        self.hang_up()

    def _kill(self, is_one: Callable[[int], bool]) -> None:
        found = [process for process in self._helper.descendants() if is_one(process)]
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(found), signal.SIGKILL)

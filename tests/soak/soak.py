"""The run. SOAK is how many seconds it takes; with the same SEED it is much like another one, as far as time allows."""

from __future__ import annotations

import contextlib
import os
import random
import time
from pathlib import Path

from tests.helper import Site, wait_until
from tests.plugins import plugin
from tests.soak.ledger import Ledger
from tests.soak.mischief import CONFIGURATION, Mischief

_DEADLINE = 3.0  # seconds, as configured
_UNDER_WAY = 200
_BETWEEN_ACTS = 1.0  # seconds
_QUIETLY = 20_000  # requests, after which everything has the size that it has
_MOST_TEMPORARY = 0.02  # of each kind: those that a killed process had


class Soak:
    """Asks, with something done meanwhile or in peace, and looks at sizes when there is peace."""

    def __init__(self, site: Site, seed: int) -> None:
        self.ledger = Ledger(seed, _DEADLINE)
        site.write("erratic.py", plugin("erratic.py"))
        site.write("passwd", self.ledger.password_file())
        site.configure(CONFIGURATION)
        self.helper = site.serve()
        self.mischief = Mischief(seed, site, self.helper, self.ledger)

    def run(self, seconds: float) -> None:
        """Ask for so long, while one thing after the other is done."""
        end = time.monotonic() + seconds
        next_act = time.monotonic() + _BETWEEN_ACTS
        while (now := time.monotonic()) < end:
            self._ask()
            if now >= next_act:
                self.ledger.look()
                self.mischief.act()
                self.helper.information.clear()
                next_act = now + _BETWEEN_ACTS

    def sizes(self) -> dict[str, float]:
        """What it takes once everything that was begun has ended: MiB, descriptors of the front process, processes."""
        self.mischief.repair_the_configuration()
        self._wait_for_all()
        wait_until(lambda: len(self.helper.descendants()) == 3, "one keeper and its two workers")
        asked = self.ledger.answered.total()
        while self.ledger.answered.total() < asked + _QUIETLY:
            self._ask(in_peace=True)
        self._wait_for_all()
        front = self.helper.process.pid
        processes = [front, *self.helper.descendants()]
        return {
            "memory of the front process": _memory(front, "Anonymous"),
            "memory": sum(_memory(process, "Pss_Anon") for process in processes),
            "descriptors": len(list(Path(f"/proc/{front}/fd").iterdir())),
            "processes": len(processes),
        }

    def end(self) -> None:
        """Close its input while requests are under way."""
        self.helper.send(*[self.ledger.next_request() for _ in range(_UNDER_WAY)])
        assert self.helper.end() == 0
        assert self.helper.errors() == ""
        self._judge()
        assert not self.ledger.under_way

    def _ask(self, *, in_peace: bool = False) -> None:
        missing = _UNDER_WAY - len(self.ledger.under_way)
        self.helper.send(*[self.ledger.next_request(in_peace=in_peace) for _ in range(missing)])
        self.helper.wait_for(lambda: bool(self.helper.replies), "a reply")
        self._judge()

    def _wait_for_all(self) -> None:
        self.helper.wait_for(lambda: len(self.helper.replies) == len(self.ledger.under_way), "the last replies")
        self._judge()

    def _judge(self) -> None:
        replies, self.helper.replies = self.helper.replies, []
        for reply in replies:
            self.ledger.judge(reply)


def _memory(process: int, name: str) -> float:
    """MiB, without what it shares with whatever other program runs here; none where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def test_every_request_is_answered_once_and_rightly_whatever_happens_and_nothing_grows(site: Site) -> None:
    seconds = float(os.environ.get("SOAK", "600"))
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"\nSEED={seed}", flush=True)
    soak = Soak(site, seed)
    soak.run(seconds / 4)
    before = soak.sizes()
    soak.run(seconds * 3 / 4)
    after = soak.sizes()
    soak.end()
    temporary = soak.ledger.shares_of_temporary()
    print(soak.ledger.answered.total(), "requests:", dict(soak.ledger.answered))
    print("not answered:", ", ".join(f"{kind} {share:.3%}" for kind, share in temporary.items()))
    print(dict(soak.mischief.done), before, after, sep="\n")
    assert max(temporary.values()) < _MOST_TEMPORARY
    for name, size in after.items():
        assert size <= before[name] * 1.15 + 2, f"{name} grew from {before[name]:.1f} to {size:.1f}"

"""The run. SOAK is how many seconds it takes, SEED repeats what another one did."""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.helper import Helper, Site, wait_until
from tests.plugins import plugin
from tests.soak.ledger import Ledger
from tests.soak.mischief import CONFIGURATION, Mischief

_DEADLINE = 3.0  # seconds, as configured
_UNDER_WAY = 200
_BETWEEN_ACTS = 1.0  # seconds
_BETWEEN_LOOKS = 0.5  # seconds
_MOST_TEMPORARY = 0.02  # of the sound requests: those that a killed process had


@dataclass
class Sizes:
    """What the program takes, look by look: MiB of the front process and of all of them, descriptors, processes."""

    front: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)
    processes: list[float] = field(default_factory=list)

    def look(self, helper: Helper) -> None:
        """Look once."""
        processes = [helper.process.pid, *helper.descendants()]
        self.front.append(_memory(helper.process.pid))
        self.together.append(sum(map(_memory, processes)))
        self.descriptors.append(len(list(Path(f"/proc/{helper.process.pid}/fd").iterdir())))
        self.processes.append(len(processes))

    def growth(self) -> dict[str, tuple[float, float]]:
        """The medians of the second fifth and of the last fifth of the looks."""
        return {name: (_median(looks, 1), _median(looks, 4)) for name, looks in vars(self).items()}


def _median(looks: list[float], which: int) -> float:
    fifth = len(looks) // 5
    return statistics.median(looks[which * fifth : (which + 1) * fifth])


def _memory(process: int) -> float:
    """The proportional set size, in MiB; none where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def test_every_request_is_answered_once_and_rightly_whatever_happens_and_nothing_grows(site: Site) -> None:
    seconds = float(os.environ.get("SOAK", "600"))
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"\nSEED={seed}", flush=True)
    ledger = Ledger(seed, _DEADLINE)
    site.write("erratic.py", plugin("erratic.py"))
    site.write("passwd", ledger.password_file())
    site.configure(CONFIGURATION)
    helper = site.serve()
    mischief = Mischief(seed, site, helper, ledger)
    sizes = Sizes()
    end = time.monotonic() + seconds
    next_act = next_look = time.monotonic() + _BETWEEN_ACTS
    while (now := time.monotonic()) < end:
        missing = _UNDER_WAY - len(ledger.under_way)
        helper.send(*[ledger.next_request() for _ in range(missing)])
        helper.wait_for(lambda: bool(helper.replies), "a reply")
        _judge(helper, ledger)
        if now >= next_act:
            mischief.act()
            next_act = now + _BETWEEN_ACTS
        if now >= next_look:
            sizes.look(helper)
            helper.information.clear()
            next_look = now + _BETWEEN_LOOKS
    helper.wait_for(lambda: len(helper.replies) == len(ledger.under_way), "the last replies")
    _judge(helper, ledger)
    mischief.repair_the_configuration()
    wait_until(lambda: len(helper.descendants()) == 3, "one keeper and its two workers")
    helper.send(*[ledger.next_request() for _ in range(_UNDER_WAY)])
    assert helper.end() == 0
    _judge(helper, ledger)
    assert not ledger.under_way
    print(f"{ledger.answered.total()} requests, {ledger.share_of_temporary():.3%} of the sound ones not answered")
    print(dict(ledger.answered), dict(mischief.done), sizes.growth(), sep="\n")
    assert ledger.share_of_temporary() < _MOST_TEMPORARY
    for name, (before, after) in sizes.growth().items():
        assert after <= before * 1.15 + 2, f"{name} grew from {before:.1f} to {after:.1f}"


def _judge(helper: Helper, ledger: Ledger) -> None:
    replies, helper.replies = helper.replies, []
    for reply in replies:
        ledger.judge(reply)

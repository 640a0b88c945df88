"""Measure the cost of a request with more accounts, with more requests under way, and with more domains.

    .venv/bin/python -m benchmarks.growth [--only GLOB] [--pairs N] [--seconds S]

The cost is the CPU time of all processes of extauth for a reply. It must stay the same within 20 %. `growth/files`
looks accounts up in files with {SHA}. `growth/hits` takes verdicts from the cache, after a login of every account.
The programs of all sizes run at the same time and take turns: 4 x N turns of S / 2 seconds each. The table has
medians. Ratios compare turns that followed each other.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.options import Options, parse_options
from benchmarks.peers.own import extauth
from benchmarks.peers.peer import UNDER_WAY
from benchmarks.runs import Run, Runner, WarmProgram
from benchmarks.scratch import Scratch, open_scratch
from benchmarks.workloads import ACCOUNTS, WARM_UP, one_login_each, random_logins, write_password_file

_MAX_RATE = {"growth/files": 300_000, "growth/hits": 900_000}  # replies a second
_MAX_RATE_ONE_BY_ONE = 50_000
_TURNS = 4  # for each run; they are short, because a machine drifts by more than the effects here
_TURN_SHARE = 0.5  # of the seconds of a run, for each turn


@dataclass(frozen=True, slots=True)
class Size:
    """A point of the table. The defaults are the usual size, which the others are compared with."""

    accounts: int = ACCOUNTS
    under_way: int = UNDER_WAY
    domains: int = 1


SERIES: dict[str, Sequence[Size]] = {
    "accounts": [Size(accounts=number) for number in (10_000, 100_000, 1_000_000)],
    "under_way": [Size(under_way=number) for number in (1, 256, 10_000)],
    "domains": [Size(domains=number) for number in (1, 1_000)],
}
"""The sizes of each series. The key is the attribute of Size that grows."""


def runner_for(scratch: Scratch, size: Size, seconds: float, workload: str) -> Runner:
    """Return a runner of this size."""
    folder = scratch.folder / f"growth-{size.accounts}-{size.domains}"
    if not folder.exists():
        folder.mkdir()
        for domain in range(size.domains):
            path = folder / f"d{domain}.example"
            write_password_file(path, "sha", range(domain, size.accounts, size.domains))
    cached = workload == "growth/hits"
    cache = f"[cache]\nsize = {size.accounts}\nttl = 3600\n" if cached else ""
    text = f'{cache}[[backend]]\ntype = "files"\npath = "{folder}/{{domain}}"\n'
    peer = extauth(f"{folder.name}{'-hits' if cached else ''}", scratch.folder, text)
    count = int((_MAX_RATE_ONE_BY_ONE if size.under_way == 1 else _MAX_RATE[workload]) * seconds)
    logins = random_logins(count, size.accounts, size.domains, wrong=0)
    return Runner(peer, logins, one_login_each(size.accounts if cached else WARM_UP, size.domains))


NAMES = tuple(_MAX_RATE)
"""The names that `--only` selects from."""


def measure(options: Options) -> None:
    """Print the table."""
    workloads = [name for name in _MAX_RATE if options.selects(name)]
    if not workloads:
        return
    print(f"{'':14}{'':12}{'':>10}   CPU us a reply     beside the usual   replies a second   memory MiB")
    with open_scratch() as scratch:
        for workload in workloads:
            for grows, sizes in SERIES.items():
                turns_of_sizes = _take_turns(scratch, workload, sizes, options)
                usual = turns_of_sizes[sizes.index(Size())]
                for size, turns in zip(sizes, turns_of_sizes, strict=True):
                    pairs = zip(turns, usual, strict=True)
                    ratio = statistics.median(_ratio(_cpu(turn), _cpu(beside)) for turn, beside in pairs)
                    rate = statistics.median(turn.rate for turn in turns)
                    memory = statistics.median(turn.memory or 0 for turn in turns)
                    faults = sum(turn.checked.faults for turn in turns)
                    print(
                        f"{workload:14}{grows.replace('_', ' '):12}{getattr(size, grows):10,}"
                        f"{statistics.median(map(_cpu, turns)):19.2f}{ratio:19.2f}{rate:19,.0f}{memory:13.0f}"
                        + (f"  {faults:,} faults" if faults else ""),
                        flush=True,
                    )


def _take_turns(scratch: Scratch, workload: str, sizes: Sequence[Size], options: Options) -> Sequence[Sequence[Run]]:
    """Return the turns of each size."""
    seconds = options.seconds * _TURN_SHARE
    with contextlib.ExitStack() as running:
        warm = [running.enter_context(runner_for(scratch, size, options.seconds, workload).warm()) for size in sizes]
        rounds = [_round(warm, sizes, seconds, number) for number in range(options.pairs * _TURNS)]
    return list(zip(*rounds, strict=True))


def _round(warm: Sequence[WarmProgram], sizes: Sequence[Size], seconds: float, number: int) -> list[Run]:
    """Run one turn of each size. Every second round has the reverse order."""
    places = range(len(sizes))
    turns = {
        place: warm[place].ask(seconds, sizes[place].under_way)
        for place in (reversed(places) if number % 2 else places)
    }
    return [turns[place] for place in places]


def _cpu(turn: Run) -> float:
    """Return the microseconds for a reply."""
    return (turn.cpu or 0.0) * 1e6


def _ratio(cpu: float, usual: float) -> float:
    """Return how many times the usual it is; not a number if the usual turn was too short to measure."""
    return cpu / usual if usual else math.nan


if __name__ == "__main__":
    measure(parse_options(__doc__))

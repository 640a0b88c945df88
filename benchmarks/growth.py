"""Measures what a request costs with more accounts, with more requests under way, and with more domains.

    .venv/bin/python -m benchmarks.growth [--only GLOB] [--pairs N] [--seconds S]

The cost is CPU time of all of extauth's processes for an answer; it shall stay the same within a fifth. `growth/files`
looks accounts up in files with {SHA}, `growth/hits` takes verdicts from the cache, into which every account has logged
in before. What is compared runs all the time and is asked in turns, 4 x N of S / 2 seconds each; medians, the ratios
being those of turns that followed each other.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.options import Options, options
from benchmarks.peers.ours import extauth
from benchmarks.peers.peer import UNDER_WAY
from benchmarks.runs import Run, Runner, Warm
from benchmarks.scratch import Scratch, scratch
from benchmarks.workloads import ACCOUNTS, WARM_UP, everybody, mixed, write_password_file

_QUICKEST = {"growth/files": 300_000, "growth/hits": 900_000}  # answers a second
_QUICKEST_ONE_BY_ONE = 50_000
_TURNS = 4  # instead of a run: short ones, since a machine drifts by more than what is looked for
_SHARE = 0.5  # of the seconds of a run, in each


@dataclass(frozen=True, slots=True)
class Size:
    """A point of the table; the usual one, with which others are compared, where nothing else is said."""

    accounts: int = ACCOUNTS
    under_way: int = UNDER_WAY
    domains: int = 1


SERIES: dict[str, Sequence[Size]] = {
    "accounts": [Size(accounts=number) for number in (10_000, 100_000, 1_000_000)],
    "under_way": [Size(under_way=number) for number in (1, 256, 10_000)],
    "domains": [Size(domains=number) for number in (1, 1_000)],
}
"""What grows, by the name of what does."""


def runner(at: Scratch, size: Size, seconds: float, workload: str) -> Runner:
    """Something to run at this size."""
    folder = at.folder / f"growth-{size.accounts}-{size.domains}"
    if not folder.exists():
        folder.mkdir()
        for domain in range(size.domains):
            path = folder / f"d{domain}.example"
            write_password_file(path, "sha", range(domain, size.accounts, size.domains))
    cached = workload == "growth/hits"
    cache = f"[cache]\nsize = {size.accounts}\nttl = 3600\n" if cached else ""
    text = f'{cache}[[backend]]\ntype = "files"\npath = "{folder}/{{domain}}"\n'
    peer = extauth(f"{folder.name}{'-hits' if cached else ''}", at.folder, text)
    count = int((_QUICKEST_ONE_BY_ONE if size.under_way == 1 else _QUICKEST[workload]) * seconds)
    logins = mixed(count, size.accounts, size.domains, wrong=0)
    return Runner(peer, logins, everybody(size.accounts if cached else WARM_UP, size.domains))


NAMES = tuple(_QUICKEST)
"""What `--only` chooses from."""


def measure(chosen: Options) -> None:
    """Print the table."""
    workloads = [name for name in _QUICKEST if chosen.wants(name)]
    if not workloads:
        return
    print(f"{'':14}{'':12}{'':>10}   CPU us an answer   beside the usual   answers a second   memory MiB")
    with scratch() as at:
        for workload in workloads:
            for grows, sizes in SERIES.items():
                turns_of_sizes = _take_turns(at, workload, sizes, chosen)
                usual = turns_of_sizes[sizes.index(Size())]
                for size, turns in zip(sizes, turns_of_sizes, strict=True):
                    pairs = zip(turns, usual, strict=True)
                    ratio = statistics.median(_cpu(turn) / _cpu(beside) for turn, beside in pairs)
                    rate = statistics.median(turn.rate for turn in turns)
                    memory = statistics.median(turn.memory or 0 for turn in turns)
                    faults = sum(turn.checked.faults for turn in turns)
                    print(
                        f"{workload:14}{grows.replace('_', ' '):12}{getattr(size, grows):10,}"
                        f"{statistics.median(map(_cpu, turns)):19.2f}{ratio:19.2f}{rate:19,.0f}{memory:13.0f}"
                        + (f"  {faults:,} faults" if faults else ""),
                        flush=True,
                    )


def _take_turns(at: Scratch, workload: str, sizes: Sequence[Size], chosen: Options) -> Sequence[Sequence[Run]]:
    """Of each size its turns."""
    seconds = chosen.seconds * _SHARE
    with contextlib.ExitStack() as running:
        warm = [running.enter_context(runner(at, size, chosen.seconds, workload).warm()) for size in sizes]
        rounds = [_round(warm, sizes, seconds, number) for number in range(chosen.pairs * _TURNS)]
    return list(zip(*rounds, strict=True))


def _round(warm: Sequence[Warm], sizes: Sequence[Size], seconds: float, number: int) -> list[Run]:
    """A turn of each; every second time the other way round."""
    places = range(len(sizes))
    turns = {
        place: warm[place].ask(seconds, sizes[place].under_way)
        for place in (reversed(places) if number % 2 else places)
    }
    return [turns[place] for place in places]


def _cpu(turn: Run) -> float:
    """Microseconds for an answer."""
    return (turn.cpu or 0.0) * 1e6


if __name__ == "__main__":
    measure(options(__doc__))

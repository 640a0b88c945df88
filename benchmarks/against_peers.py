"""Measures what extauth does beside what others do: pairs of runs, one after the other, and their ratios.

    .venv/bin/python -m benchmarks.against_peers [--only GLOB] [--pairs N] [--seconds S]

In every second pair extauth runs first, so that a machine that drifts hits both alike. Every run is a program that is
started afresh.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from benchmarks.comparisons import HITS_OF, WORKLOADS, Workload
from benchmarks.options import Options, options
from benchmarks.peers.crypt_limit import CryptLimit
from benchmarks.peers.peer import Peer
from benchmarks.programs import FailedError
from benchmarks.runs import LimitRunner, Run, Runner
from benchmarks.scratch import Scratch, scratch
from benchmarks.workloads import ACCOUNTS, WARM_UP, WRONG, everybody, mixed


def compare(workload: Workload, other: Peer | CryptLimit, at: Scratch, chosen: Options) -> Iterator[tuple[Run, Run]]:
    """Pairs of runs, extauth's and the other's. Raises FailedError."""
    count = int(workload.quickest * chosen.seconds)
    accounts, asked_before = (HITS_OF, HITS_OF) if workload.cached else (ACCOUNTS, WARM_UP)
    puts_off = isinstance(other, Peer) and not other.refuses_at_once
    logins = mixed(count, accounts, wrong=0 if workload.cached or puts_off else WRONG)
    warm_up = everybody(asked_before)
    ours = Runner(workload.ours(at), logins, warm_up)
    theirs = LimitRunner(other) if isinstance(other, CryptLimit) else Runner(other, logins, warm_up)
    for pair in range(chosen.pairs):
        if pair % 2:
            yield ours.run(chosen.seconds), theirs.run(chosen.seconds)
        else:
            first = theirs.run(chosen.seconds)
            yield ours.run(chosen.seconds), first


HEADING = f"""\
{"":28}   ratio of rates         answers a second  CPU us an answer     memory MiB   first answer ms   driver
{"workload":16} {"beside":19} {"median   min   max":>18} {"ours":>9} {"theirs":>9} {"ours":>7} {"theirs":>8} \
{"ours":>6} {"theirs":>7} {"ours":>7} {"theirs":>8}    %"""


def row(name: str, beside: str, pairs: list[tuple[Run, Run]]) -> str:
    """Medians of the pairs; what is no answer, or a wrong one, is counted at the end of the line."""
    ratios = [ours.rate / theirs.rate for ours, theirs in pairs]
    cells = [
        f"{name:16} {beside:22}{statistics.median(ratios):6.2f}{min(ratios):6.2f}{max(ratios):6.2f}",
        *_cells(pairs, lambda run: run.rate, "10,.0f", "10,.0f"),
        *_cells(pairs, lambda run: None if run.cpu is None else run.cpu * 1e6, "8,.1f", "9,.1f"),
        *_cells(pairs, lambda run: run.memory, "7.0f", "8.0f"),
        *_cells(pairs, lambda run: None if run.first_answer is None else run.first_answer * 1000, "8.0f", "9.0f"),
        format(max(statistics.median(run.driver or 0 for run in runs) for runs in zip(*pairs, strict=True)), "5.0%"),
    ]
    for who, runs in zip(("ours", "theirs"), zip(*pairs, strict=True), strict=True):
        faults = {name: sum(getattr(run.checked, name) for run in runs) for name in ("wrong", "missing", "strange")}
        cells += [f"  {who}: {count:,} {name}" for name, count in faults.items() if count]
    return "".join(cells)


def _cells(
    pairs: list[tuple[Run, Run]], figure: Callable[[Run], float | None], ours: str, theirs: str
) -> Iterator[str]:
    for runs, width in zip(zip(*pairs, strict=True), (ours, theirs), strict=True):
        figures = [it for run in runs if (it := figure(run)) is not None]
        yield format(statistics.median(figures), width) if figures else "-".rjust(int(width.split(".")[0].rstrip(",")))


def measure(chosen: Options) -> None:
    """Print the table, row by row."""
    workloads = [workload for workload in WORKLOADS if chosen.wants(workload.name)]
    if not workloads:
        return
    print(HEADING)
    with scratch() as at:
        for workload in workloads:
            for make in workload.others:
                other = make(at)
                try:
                    pairs = list(compare(workload, other, at, chosen))
                except FailedError as error:
                    print(f"{workload.name:16} {other.name:22}left out: {error}", flush=True)
                    continue
                print(row(workload.name, other.name, pairs), flush=True)


if __name__ == "__main__":
    measure(options(__doc__))

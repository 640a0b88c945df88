"""Measure extauth beside other programs: pairs of runs, one after the other, and the ratios of their rates.

    .venv/bin/python -m benchmarks.against_peers [--only GLOB] [--pairs N] [--seconds S]

In every second pair extauth runs first. If the machine drifts, both programs feel it. Every run starts its program
again.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from benchmarks.comparisons import CACHED_ACCOUNTS, WORKLOADS, Workload
from benchmarks.options import Options, parse_options
from benchmarks.peers.own import CryptLimit
from benchmarks.peers.peer import Peer
from benchmarks.programs import ProgramError
from benchmarks.runs import LimitRunner, Run, Runner
from benchmarks.scratch import Scratch, open_scratch
from benchmarks.workloads import ACCOUNTS, WARM_UP, WRONG, one_login_each, random_logins


def compare(
    workload: Workload, peer: Peer | CryptLimit, scratch: Scratch, options: Options
) -> Iterator[tuple[Run, Run]]:
    """Yield pairs of runs: extauth's and the peer's. Raises ProgramError."""
    count = int(workload.max_rate * options.seconds)
    accounts, warm_up_logins = (CACHED_ACCOUNTS, CACHED_ACCOUNTS) if workload.cached else (ACCOUNTS, WARM_UP)
    delays = isinstance(peer, Peer) and not peer.refuses_immediately
    logins = random_logins(count, accounts, wrong=0 if workload.cached or delays else WRONG)
    warm_up = one_login_each(warm_up_logins)
    ours = Runner(workload.ours(scratch), logins, warm_up)
    theirs = LimitRunner(peer) if isinstance(peer, CryptLimit) else Runner(peer, logins, warm_up)
    for pair in range(options.pairs):
        if pair % 2:
            yield ours.run(options.seconds), theirs.run(options.seconds)
        else:
            first = theirs.run(options.seconds)
            yield ours.run(options.seconds), first


HEADING = f"""\
{"":28}   ratio of rates         replies a second   CPU us a reply       memory MiB   first reply ms    driver
{"workload":16} {"beside":19} {"median   min   max":>18} {"ours":>9} {"theirs":>9} {"ours":>7} {"theirs":>8} \
{"ours":>6} {"theirs":>7} {"ours":>7} {"theirs":>8}    %"""


def row(name: str, beside: str, pairs: list[tuple[Run, Run]]) -> str:
    """Format the medians of the pairs. The end of the line counts the faults."""
    ratios = [ours.rate / theirs.rate for ours, theirs in pairs]
    cells = [
        f"{name:16} {beside:22}{statistics.median(ratios):6.2f}{min(ratios):6.2f}{max(ratios):6.2f}",
        *_cells(pairs, lambda run: run.rate, "10,.0f", "10,.0f"),
        *_cells(pairs, lambda run: None if run.cpu is None else run.cpu * 1e6, "8,.1f", "9,.1f"),
        *_cells(pairs, lambda run: run.memory, "7.0f", "8.0f"),
        *_cells(pairs, lambda run: None if run.first_reply is None else run.first_reply * 1000, "8.0f", "9.0f"),
        format(max(statistics.median(run.driver or 0 for run in runs) for runs in zip(*pairs, strict=True)), "5.0%"),
    ]
    for side, runs in zip(("ours", "theirs"), zip(*pairs, strict=True), strict=True):
        faults = {name: sum(getattr(run.checked, name) for run in runs) for name in ("wrong", "missing", "invalid")}
        cells += [f"  {side}: {count:,} {name}" for name, count in faults.items() if count]
    return "".join(cells)


def _cells(
    pairs: list[tuple[Run, Run]], figure: Callable[[Run], float | None], ours: str, theirs: str
) -> Iterator[str]:
    for runs, width in zip(zip(*pairs, strict=True), (ours, theirs), strict=True):
        figures = [value for run in runs if (value := figure(run)) is not None]
        yield format(statistics.median(figures), width) if figures else "-".rjust(int(width.split(".")[0].rstrip(",")))


def measure(options: Options) -> None:
    """Print the table, row by row."""
    workloads = [workload for workload in WORKLOADS if options.selects(workload.name)]
    if not workloads:
        return
    print(HEADING)
    with open_scratch() as scratch:
        for workload in workloads:
            for make in workload.peers:
                peer = make(scratch)
                try:
                    pairs = list(compare(workload, peer, scratch, options))
                except ProgramError as error:
                    print(f"{workload.name:16} {peer.name:22}left out: {error}", flush=True)
                    continue
                print(row(workload.name, peer.name, pairs), flush=True)


if __name__ == "__main__":
    measure(parse_options(__doc__))

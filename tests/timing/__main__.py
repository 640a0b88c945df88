"""Measure how well the time until a refusal tells two kinds of requests apart.

AUC is the chance that a request of one kind takes longer than one of the other kind (Mann-Whitney). 0.5 tells nothing,
0 and 1 tell everything with one request.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

from tests.helper import Helper
from tests.timing.sites import Cases, all_sites

NEGATIVE = b"ERROR incorrect password"
WARM_UP = 100
FAIR = (0.45, 0.55)


def measure(helper: Helper, cases: Cases, samples: int) -> dict[str, list[float]]:
    """Send each case this many times, in random order, one request at a time. Return the times in seconds."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    for round_ in range(WARM_UP + samples):
        random.shuffle(order)
        for name in order:
            number = b"%d%s" % (round_, name[:2].encode())
            line = b"%s %s" % (number, cases[name].format(n=random.getrandbits(100)).encode())
            start = time.perf_counter()
            reply = helper.ask(line)
            taken = time.perf_counter() - start
            if reply != NEGATIVE:
                raise SystemExit(f"{name}: {reply.decode()}, {helper.information[-1:]}")
            if round_ >= WARM_UP:
                times[name].append(taken)
        helper.information.clear()
    return times


def auc(first: list[float], second: list[float]) -> float:
    """Return the chance that a value of `first` is larger than one of `second`. Equal ones count half."""
    merged = sorted([(value, 1) for value in first] + [(value, 0) for value in second])
    rank, ranks = 1, 0.0
    for _, group in groupby(merged, key=lambda pair: pair[0]):
        members = [is_first for _, is_first in group]
        ranks += sum(members) * (rank + (len(members) - 1) / 2)
        rank += len(members)
    return (ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))


def main(samples: int) -> None:
    """Measure all sites, and print a table."""
    print("| backend | compared | median, µs | AUC |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, site, cases in all_sites(Path(folder)):
            helper = site.serve()
            try:
                helper.wait_for_information("serving")
                times = measure(helper, cases, samples)
            finally:
                helper.kill()
            first, *others = times
            for other in others:
                medians = [round(statistics.median(times[each]) * 1e6) for each in (other, first)]
                value = auc(times[other], times[first])
                mark = "" if FAIR[0] <= value <= FAIR[1] else " !"
                print(f"| {name} | {other}, {first} | {medians[0]}, {medians[1]} | {value:.2f}{mark} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""What the command lines of the measurements have in common."""

from __future__ import annotations

import argparse
import fnmatch
import signal
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Which workloads, how many pairs of runs, and how many seconds one run is asked."""

    only: str
    pairs: int
    seconds: float

    def wants(self, workload: str) -> bool:
        """Whether this workload is to be measured."""
        return fnmatch.fnmatch(workload, self.only)


def options(description: str | None, pairs: int = 5, seconds: float = 1.0) -> Options:
    """Read the command line. From then on SIGTERM ends the program as Ctrl-C does, with all that it has started."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="GLOB", default="*", help="the workloads whose names match")
    parser.add_argument("--pairs", metavar="N", type=int, default=pairs, help="pairs of runs (default: %(default)s)")
    parser.add_argument("--seconds", metavar="S", type=float, default=seconds, help="of a run (default: %(default)s)")
    given = parser.parse_args()
    if given.pairs < 1 or given.seconds <= 0:
        parser.error("at least one pair, and some time")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return Options(given.only, given.pairs, given.seconds)

"""The command line of the measurements."""

from __future__ import annotations

import argparse
import fnmatch
import signal
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Which workloads to measure, how many pairs of runs, and how many seconds each run sends requests."""

    only: str
    pairs: int
    seconds: float

    def selects(self, workload: str) -> bool:
        """Return whether to measure this workload."""
        return fnmatch.fnmatch(workload, self.only)


def parse_options(description: str | None, pairs: int = 5, seconds: float = 1.0) -> Options:
    """Read the command line, and let SIGTERM end this program and all that it started, as Ctrl-C does."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="GLOB", default="*", help="measure only the workloads with matching names")
    parser.add_argument("--pairs", metavar="N", type=int, default=pairs, help="pairs of runs (default: %(default)s)")
    parser.add_argument(
        "--seconds", metavar="S", type=float, default=seconds, help="length of a run (default: %(default)s)"
    )
    given = parser.parse_args()
    if given.pairs < 1 or given.seconds <= 0:
        parser.error("--pairs must be 1 or more, and --seconds more than 0")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return Options(given.only, given.pairs, given.seconds)

"""What came of load in figures: one program, or one beside another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from extauth.harness.load.run import Measurement
from extauth.harness.masking import Masker
from extauth.harness.tables import QUANTILES, Table, count_rows, milliseconds

Rounds = Sequence[Measurement]
"""What the rounds of one program gave."""

_Figure = Callable[[Measurement], float | None]
_LEAST_CPU = 0.1  # seconds: the system counts in hundredths, so less says little
_MIB = 1 << 20


def load_table(sides: Sequence[Rounds], masker: Masker) -> Table:
    """Counts of all rounds, and figures that are the medians of the rounds.

    Beside two programs stands the median of the ratios, second to first, that the rounds gave.
    """
    compared = len(sides) > 1
    columns = ["A", "B", "B / A"] if compared else [""]
    rows = [[*row, ""] if compared else row for row in _counts(sides, masker)]
    for name, figure, show in _figures():
        values = [_median(figure, rounds) for rounds in sides]
        if any(value is not None for value in values):
            cells = ["" if value is None else show(value) for value in values]
            rows.append([name, *cells, *([_ratio(figure, *sides)] if compared else [])])
    return Table(columns, rows)


def middle(rounds: Rounds) -> Measurement:
    """The round with the middle throughput."""
    return sorted(rounds, key=_throughput)[len(rounds) // 2]


def _counts(sides: Sequence[Rounds], masker: Masker) -> Iterator[list[str]]:
    yield from count_rows([[run.statistics for run in rounds] for rounds in sides], masker)
    yield ["wrong answers", *(f"{sum(run.wrong.count for run in rounds):,}" for rounds in sides)]
    yield ["could not tell", *(f"{sum(run.untold.count for run in rounds):,}" for rounds in sides)]
    yield ["complaints", *(f"{sum(run.supervisor.complained for run in rounds):,}" for rounds in sides)]


def _figures() -> Iterator[tuple[str, _Figure, Callable[[float], str]]]:
    yield "throughput", _throughput, lambda value: f"{value:,.0f} /s"
    for name, share in QUANTILES.items():
        yield name, _quantile(share), milliseconds
    yield "longest", _quantile(1), milliseconds
    yield "CPU per request", _cpu_per_request, lambda value: f"{value * 1e6:,.1f} \N{MICRO SIGN}s"
    yield "memory", lambda run: run.consumption.memory, _mebibytes
    yield "memory, peak", lambda run: run.consumption.peak, _mebibytes
    yield "processes", lambda run: run.consumption.processes or None, lambda value: f"{value:,.0f}"
    yield "harness busy", _harness_busy, lambda value: f"{value:.0%}"
    yield "first reply after", lambda run: run.first_reply, milliseconds


def _throughput(run: Measurement) -> float:
    return run.statistics.replies / run.seconds


def _quantile(share: float) -> _Figure:
    return lambda run: run.statistics.times().quantile(share)


def _cpu_per_request(run: Measurement) -> float | None:
    cpu, replies = run.consumption.cpu, run.statistics.replies
    return cpu / replies if cpu is not None and cpu >= _LEAST_CPU and replies else None


def _harness_busy(run: Measurement) -> float | None:
    return run.harness_cpu / run.seconds if run.statistics.replies else None


def _mebibytes(value: float) -> str:
    return f"{value / _MIB:,.1f} MiB"


def _median(figure: _Figure, rounds: Rounds) -> float | None:
    values = [value for run in rounds if (value := figure(run)) is not None and not math.isnan(value)]
    return median(values) if values else None


def _ratio(figure: _Figure, first: Rounds, second: Rounds) -> str:
    pairs = [(figure(a), figure(b)) for a, b in zip(first, second, strict=False)]  # the last may be missing
    ratios = [b / a for a, b in pairs if a and b and not math.isnan(a + b)]
    return three_figures(median(ratios)) if ratios else ""


def three_figures(value: float) -> str:
    """A ratio, above 0, with three figures that say something, however small it is."""
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{value:,.{max(0, 2 - exponent)}f}"

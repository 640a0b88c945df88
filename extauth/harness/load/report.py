"""The results of a load test as figures and remarks, for one program or for two side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from extauth.harness.load.driver import UnexpectedReplies
from extauth.harness.load.measurement import Measurement
from extauth.harness.masking import Masker
from extauth.harness.report import end_lines, violation_lines
from extauth.harness.tables import QUANTILES, ReportTable, count_rows, milliseconds

Rounds = Sequence[Measurement]
"""The measurements of one program."""

_Figure = Callable[[Measurement], float | None]
_LEAST_CPU = 0.1  # seconds: the system counts in hundredths, so a smaller value is too inexact
_MIB = 1 << 20


def load_table(sides: Sequence[Rounds], masker: Masker) -> ReportTable:
    """Return the table. Counts are sums of all rounds, figures are medians of the rounds.

    For two programs there is a column with ratios. It has the median of the ratios of the rounds, second to first.
    """
    compared = len(sides) > 1
    columns = ["A", "B", "B / A"] if compared else [""]
    rows = [[*row, ""] if compared else row for row in _counts(sides, masker)]
    for name, figure, show in _figures():
        values = [_median(figure, rounds) for rounds in sides]
        if any(value is not None for value in values):
            cells = ["" if value is None else show(value) for value in values]
            rows.append([name, *cells, *([_ratio(figure, *sides)] if compared else [])])
    return ReportTable(columns, rows)


def remark_lines(measurement: Measurement, masker: Masker) -> Iterator[str]:
    """Yield unexpected replies, violations, and how the program ended."""
    yield from _reply_lines("wrong reply", "wrong replies", measurement.wrong, masker)
    yield from _reply_lines("temporary failure", "temporary failures", measurement.temporary_failures, masker)
    yield from violation_lines(measurement.manager, masker)
    if measurement.interrupted:
        yield "interrupted: program killed"
    yield from end_lines(measurement.manager, masker)


def median_round(rounds: Rounds) -> Measurement:
    """Return the round with the median throughput."""
    return sorted(rounds, key=_throughput)[len(rounds) // 2]


def three_figures(value: float) -> str:
    """Return a ratio above 0 with three significant figures."""
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{value:,.{max(0, 2 - exponent)}f}"


def _reply_lines(name: str, plural: str, replies: UnexpectedReplies, masker: Masker) -> Iterator[str]:
    for unexpected in replies.first:
        request, reply = masker.sent(unexpected.request), masker.reply(unexpected.reply)
        yield f"{name}: expected {unexpected.expected.decode()} to {request}, got {reply}"
    if replies.count > len(replies.first):
        yield f"... {replies.count:,} {plural} in all"


def _counts(sides: Sequence[Rounds], masker: Masker) -> Iterator[list[str]]:
    yield from count_rows([[run.statistics for run in rounds] for rounds in sides], masker)
    yield ["wrong replies", *(f"{sum(run.wrong.count for run in rounds):,}" for rounds in sides)]
    yield ["temporary failures", *(f"{sum(run.temporary_failures.count for run in rounds):,}" for rounds in sides)]
    yield ["violations", *(f"{sum(run.manager.violation_count for run in rounds):,}" for rounds in sides)]


def _figures() -> Iterator[tuple[str, _Figure, Callable[[float], str]]]:
    yield "throughput", _throughput, lambda value: f"{value:,.0f} /s"
    for name, share in QUANTILES.items():
        yield name, _quantile(share), milliseconds
    yield "longest", _quantile(1), milliseconds
    yield "CPU per request", _cpu_per_request, lambda value: f"{value * 1e6:,.1f} \N{MICRO SIGN}s"
    yield "memory", lambda run: run.resources.memory, _mebibytes
    yield "memory, peak", lambda run: run.resources.peak, _mebibytes
    yield "processes", lambda run: run.resources.processes or None, lambda value: f"{value:,.0f}"
    yield "harness CPU", _harness_cpu, lambda value: f"{value:.0%}"
    yield "first reply after", lambda run: run.first_reply, milliseconds


def _throughput(run: Measurement) -> float:
    return run.statistics.replies / run.seconds


def _quantile(share: float) -> _Figure:
    return lambda run: run.statistics.times().quantile(share)


def _cpu_per_request(run: Measurement) -> float | None:
    cpu, replies = run.resources.cpu, run.statistics.replies
    return cpu / replies if cpu is not None and cpu >= _LEAST_CPU and replies else None


def _harness_cpu(run: Measurement) -> float | None:
    return run.harness_cpu / run.seconds if run.statistics.replies else None


def _mebibytes(value: float) -> str:
    return f"{value / _MIB:,.1f} MiB"


def _median(figure: _Figure, rounds: Rounds) -> float | None:
    values = [value for run in rounds if (value := figure(run)) is not None and not math.isnan(value)]
    return median(values) if values else None


def _ratio(figure: _Figure, first: Rounds, second: Rounds) -> str:
    pairs = [(figure(a), figure(b)) for a, b in zip(first, second, strict=False)]  # the last round may be missing
    ratios = [b / a for a, b in pairs if a and b and not math.isnan(a + b)]
    return three_figures(median(ratios)) if ratios else ""

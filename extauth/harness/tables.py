"""Tables of statistics: the number of replies of each kind, and their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from extauth.harness.masking import Masker
from extauth.harness.statistics import INVALID_REPLY, OTHER_REPLIES, Histogram, Statistics

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
"""The quantiles in each table, by name."""

_MAX_KIND = 60  # characters


@dataclass(frozen=True)
class ReportTable:
    """Column titles, and rows. A row is a name and one cell for each column."""

    columns: list[str]
    rows: list[list[str]]


def text_lines(table: ReportTable) -> Iterator[str]:
    """Yield the table for a terminal: names left-aligned, cells right-aligned."""
    rows = [["", *table.columns], *table.rows] if any(table.columns) else table.rows
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for name, *cells in rows:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((name.ljust(widths[0]), *aligned)).rstrip()


def statistics_table(statistics: Statistics, masker: Masker) -> ReportTable:
    """Return the table of one program: its replies and their times."""
    return ReportTable([""], [*count_rows([[statistics]], masker), *time_rows(statistics.times())])


def count_rows(sides: Sequence[Sequence[Statistics]], masker: Masker) -> Iterator[list[str]]:
    """Yield the number of requests, of each kind of reply, and of rejected requests.

    There is one cell for each side. It is the sum of the side's statistics.
    """

    def row(name: str, count: Callable[[Statistics], int]) -> list[str]:
        return [name, *(f"{sum(map(count, side)):,}" for side in sides)]

    yield row("requests", lambda counted: counted.replies + counted.rejected)
    for kind in sorted({kind for side in sides for counted in side for kind in counted.kinds}):
        name = kind.decode() if kind in (INVALID_REPLY, OTHER_REPLIES) else masker.reply(kind)
        yield row(name[:_MAX_KIND], _of_kind(kind))
    yield row("rejected", lambda counted: counted.rejected)


def _of_kind(kind: bytes) -> Callable[[Statistics], int]:
    return lambda counted: counted.kinds[kind]


def time_rows(times: Histogram) -> Iterator[list[str]]:
    """Yield the times of the replies, if there are replies."""
    if len(times):
        for name, share in QUANTILES.items():
            yield [name, milliseconds(times.quantile(share))]
        yield ["longest", milliseconds(times.longest)]


def milliseconds(seconds: float) -> str:
    """Return a time with three significant figures."""
    value = seconds * 1e3
    places = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{places}f} ms"

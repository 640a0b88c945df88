"""Figures in tables: how many replies of which kind, and how long they took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from extauth.harness.histogram import Histogram
from extauth.harness.masking import Masker
from extauth.harness.statistics import NO_KNOWN_REPLY, OTHERS, Statistics

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
"""The shares of the replies that came within a time, by what they are called."""

_MAX_KIND = 60  # characters


@dataclass(frozen=True)
class Table:
    """Rows of a name and one cell for each of the columns."""

    columns: list[str]
    rows: list[list[str]]


def text_lines(table: Table) -> Iterator[str]:
    """The table for a terminal: names to the left, cells to the right."""
    rows = [["", *table.columns], *table.rows] if any(table.columns) else table.rows
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for name, *cells in rows:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((name.ljust(widths[0]), *aligned)).rstrip()


def statistics_table(statistics: Statistics, masker: Masker) -> Table:
    """Of one program: its replies and their times."""
    return Table([""], [*count_rows([[statistics]], masker), *time_rows(statistics.times())])


def count_rows(sides: Sequence[Sequence[Statistics]], masker: Masker) -> Iterator[list[str]]:
    """How many requests there were, and what became of them: a cell for each side, the sum of its statistics."""

    def row(name: str, count: Callable[[Statistics], int]) -> list[str]:
        return [name, *(f"{sum(map(count, side)):,}" for side in sides)]

    yield row("requests", lambda counted: counted.replies + counted.rejected)
    for kind in sorted({kind for side in sides for counted in side for kind in counted.kinds}):
        name = kind.decode() if kind in (NO_KNOWN_REPLY, OTHERS) else masker.reply(kind)
        yield row(name[:_MAX_KIND], _of_kind(kind))
    yield row("rejected", lambda counted: counted.rejected)


def _of_kind(kind: bytes) -> Callable[[Statistics], int]:
    return lambda counted: counted.kinds[kind]


def time_rows(times: Histogram) -> Iterator[list[str]]:
    """How long the replies took, where there are any."""
    if len(times):
        for name, share in QUANTILES.items():
            yield [name, milliseconds(times.quantile(share))]
        yield ["longest", milliseconds(times.longest)]


def milliseconds(seconds: float) -> str:
    """A time to three figures."""
    value = seconds * 1e3
    places = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{places}f} ms"

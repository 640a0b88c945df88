"""The lines, the page and the exit status of the subcommands."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import click

from extauth.version import VERSION

if TYPE_CHECKING:
    from extauth.harness.load.measurement import ShowProgress
    from extauth.harness.statistics import Statistics
    from extauth.harness.tables import ReportTable

_COLOURS = {"I:": "cyan", "O:": "green", "violation:": "red", "-": "red", "+": "red", "#": "bright_black"}

_MAX_LINE = 500  # characters of a line that are shown


def show(line: str) -> None:
    """Show a line. On a terminal its first word selects the colour."""
    if len(line) > _MAX_LINE:
        line = f"{line[:_MAX_LINE]}... ({len(line):,} characters)"
    click.secho(line, fg=_COLOURS.get(line.strip("\r").partition(" ")[0]))


def finish(lines: Iterable[str], *, success: bool) -> None:
    """Show the last lines. Exit with status 1 if there was no success."""
    for line in lines:
        show(line)
    if not success:
        raise SystemExit(1)


def write_page(
    file: TextIO | None,
    programs: Mapping[str, Sequence[str]],
    table: ReportTable,
    series: Mapping[str, Statistics],
    remarks: Iterable[str],
) -> None:
    """Write the HTML page of this command, if there is a file for it. `programs` and `series` are by name."""
    if file is None:
        return
    import platform

    from extauth.harness.page.html import HtmlReport, render

    context = click.get_current_context()
    facts = {name: shlex.join(command) for name, command in programs.items()} | {
        "options": _options(context),
        "date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}",
        "versions": f"extauth {VERSION}, Python {platform.python_version()}, {platform.platform()}",
        "processors": str(os.cpu_count()),
    }
    file.write(render(HtmlReport(f"extauth harness {context.command.name}", facts, table, series, list(remarks))))


def _options(context: click.Context) -> str:
    """Return the options of the command with their defaults, without the programs and this page."""
    words: list[str] = []
    for parameter in context.command.params:
        value = context.params[parameter.name or ""]
        if parameter.name in ("program", "vs", "html") or value in (None, "", ()) or value is False:
            continue
        if isinstance(parameter, click.Option):
            words.append(parameter.opts[0])
        if value is not True:
            words.append(shlex.quote(f"{value:g}" if isinstance(value, float) else str(value)))
    return " ".join(words)


@contextmanager
def show_progress(label: str) -> Iterator[ShowProgress]:
    """Show a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    with click.progressbar(length=1_000, label=label, file=sys.stderr) as bar:
        yield lambda share: bar.update(int(share * 1_000) - bar.pos)

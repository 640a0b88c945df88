"""What the subcommands show and write, and the status they end with."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TextIO

import click

from extauth.harness.page.html import render
from extauth.harness.page.report import Report
from extauth.harness.statistics import Statistics
from extauth.harness.tables import Table
from extauth.version import VERSION

_COLOURS = {"I:": "cyan", "O:": "green", "complaint:": "red", "-": "red", "+": "red", "#": "bright_black"}

_MAX_LINE = 500  # characters of a line that are shown


def show(line: str) -> None:
    """Show a line, coloured by its first word where there are colours."""
    if len(line) > _MAX_LINE:
        line = f"{line[:_MAX_LINE]}... ({len(line):,} characters)"
    click.secho(line, fg=_COLOURS.get(line.strip("\r").partition(" ")[0]))


def conclude(lines: Iterable[str], *, well: bool) -> None:
    """Show the last lines; leave with status 1 where not all was as it must be."""
    for line in lines:
        show(line)
    if not well:
        raise SystemExit(1)


def write_page(
    file: TextIO | None,
    programs: Mapping[str, Sequence[str]],
    table: Table,
    series: Mapping[str, Statistics],
    remarks: Iterable[str],
) -> None:
    """Write the page of this command, if one is wanted: the commands and what is drawn of them go by their names."""
    if file is None:
        return
    context = click.get_current_context()
    facts = {name: shlex.join(command) for name, command in programs.items()} | {
        "options": _options(context),
        "date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}",
        "versions": f"extauth {VERSION}, Python {platform.python_version()}, {platform.platform()}",
        "processors": str(os.cpu_count()),
    }
    file.write(render(Report(f"extauth harness {context.command.name}", facts, table, series, list(remarks))))


def _options(context: click.Context) -> str:
    """What the command was given, and what it takes by default; but for the program and this page."""
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

"""What the subcommands show, and the status they end with."""

from __future__ import annotations

import click

from extauth.harness.masking import Masker
from extauth.harness.report import end_lines
from extauth.harness.supervisor import Supervisor

_COLOURS = {"I:": "cyan", "O:": "green", "complaint:": "red", "-": "red", "+": "red", "#": "bright_black"}

_MAX_LINE = 500  # characters of a line that are shown


def show(line: str) -> None:
    """Show a line, coloured by its first word where there are colours."""
    if len(line) > _MAX_LINE:
        line = f"{line[:_MAX_LINE]}... ({len(line):,} characters)"
    click.secho(line, fg=_COLOURS.get(line.strip("\r").partition(" ")[0]))


def finish(supervisor: Supervisor, masker: Masker, *, as_expected: bool) -> None:
    """Say how the program ended; leave with status 1 where not all was as it must be."""
    for line in end_lines(supervisor, masker):
        show(line)
    if supervisor.complaints or not as_expected:
        raise SystemExit(1)

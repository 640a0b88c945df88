"""`extauth harness load`: many requests, what they take, and how another program compares."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import TextIO

import click

from extauth.cli.harness.load_options import LoadOptions
from extauth.cli.harness.options import ProgramOptions, html_option, interface_option, program_options, takes
from extauth.cli.harness.outcome import conclude, write_page
from extauth.harness.load.remarks import remark_lines
from extauth.harness.load.run import Measurement, Progress, measure
from extauth.harness.load.tables import load_table, middle
from extauth.harness.process import from_here
from extauth.harness.tables import text_lines


@click.command()
@program_options
@takes(LoadOptions)
@interface_option
@html_option
def load(options: ProgramOptions, asked: LoadOptions, interface: int | None, html: TextIO | None) -> None:
    """Send a program many requests, check the replies and measure it. Status 1 where it does not do as it must."""
    masker = options.masker()
    commands = {"program": options.program} if asked.vs is None else {"A": options.program, "B": asked.vs}
    runs: dict[str, list[Measurement]] = {name: [] for name in commands}
    remarks: list[str] = []
    aborted = False
    with options.started() as settings:
        plan = asked.plan(interface, masker)
        for command in commands.values():
            from_here(command)  # so that none is measured in vain
        try:
            for number, name in product(range(1, asked.all_rounds + 1), commands):
                with _progress(f"{name} {number}/{asked.all_rounds}") as progress:
                    of_name = replace(settings, command=commands[name])
                    run = measure(of_name, plan, masker, options.log(masker), progress)
                runs[name].append(run)
                if asked.all_rounds * len(commands) > 1:
                    remarks.append(f"# {name}, round {number}")
                remarks += remark_lines(run, masker)
                if run.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            aborted = True
    if not any(runs.values()):
        raise click.Abort
    table = load_table(list(runs.values()), masker)
    drawn = {name: middle(of_one).statistics for name, of_one in runs.items() if of_one}
    write_page(html, commands, table, drawn, remarks)
    lines = [f"{name}: {shlex.join(command)}" for name, command in commands.items()]
    well = all(run.is_well for of_one in runs.values() for run in of_one)
    conclude([*lines, *text_lines(table), *remarks], well=well or aborted)
    if aborted:
        raise click.Abort


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """A bar for somebody who looks at it."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    with click.progressbar(length=1_000, label=label, file=sys.stderr) as bar:
        yield lambda share: bar.update(int(share * 1_000) - bar.pos)

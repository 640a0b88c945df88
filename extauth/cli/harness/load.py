"""`extauth harness load`: send a program many requests, measure it, and compare it with another program."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import click

from extauth.cli.harness.options import (
    PROGRAM_OPTIONS,
    ProgramOptions,
    html_option,
    interface_option,
    options_from,
    program_options,
)
from extauth.cli.harness.output import finish, show_progress, write_page
from extauth.cli.options import GroupedCommand

if TYPE_CHECKING:
    from extauth.harness.load.measurement import LoadPlan, Measurement
    from extauth.harness.masking import Masker

_SECONDS = 10.0  # if neither --requests nor --seconds is given
_WINDOW = 64
_ROUNDS = 3  # for two programs


def _mix(context: click.Context, parameter: click.Parameter, text: str) -> str:
    from extauth.harness.load.traffic import parse_mix

    try:
        parse_mix(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _command(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    try:
        words = tuple(shlex.split(text or ""))
    except ValueError as error:
        raise click.BadParameter(f"{error}".lower()) from None
    if text is not None and not words:
        raise click.BadParameter("the command is empty")
    return words or None


@dataclass(frozen=True)
class LoadOptions:
    """Which requests are sent, how fast, how many, and to which second program."""

    accounts: Annotated[
        Path,
        click.option(
            "--accounts",
            type=click.Path(path_type=Path),
            required=True,
            metavar="FILE",
            help="Accounts and passwords; each line is name@domain:password.",
        ),
    ]
    distribution: Annotated[
        Literal["zipf", "uniform"],
        click.option(
            "--distribution",
            type=click.Choice(["zipf", "uniform"]),
            default="zipf",
            show_default=True,
            help="Use the first accounts of the file most often (zipf), or all equally (uniform).",
        ),
    ]
    mix: Annotated[
        str,
        click.option(
            "--mix",
            default="vrfy",
            show_default=True,
            callback=_mix,
            metavar="KIND[=SHARE],...",
            help="Kinds of requests (vrfy, cram-md5, apop) and their shares.",
        ),
    ]
    wrong: Annotated[
        float,
        click.option(
            "--wrong",
            type=click.FloatRange(0, 100),
            default=0.0,
            show_default=True,
            metavar="PERCENT",
            help="Percentage of wrong passwords.",
        ),
    ]
    mode: Annotated[
        str, click.option("--mode", default="", metavar="NAME", help="The service in each request, such as IMAP.")
    ]
    window: Annotated[
        int | None,
        click.option(
            "--window",
            type=click.IntRange(min=1),
            metavar="NUMBER",
            help=f"Keep this many requests under way.  [default: {_WINDOW}]",
        ),
    ]
    rate: Annotated[
        float | None,
        click.option(
            "--rate",
            type=click.FloatRange(min=0, min_open=True),
            metavar="NUMBER",
            help="Send this many requests a second, also if replies are late.",
        ),
    ]
    requests: Annotated[
        int | None,
        click.option("--requests", type=click.IntRange(min=1), metavar="NUMBER", help="Stop after this many requests."),
    ]
    seconds: Annotated[
        float | None,
        click.option(
            "--seconds",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help=f"Stop after this many seconds.  [default: {_SECONDS:g}, without --requests]",
        ),
    ]
    seed: Annotated[
        int,
        click.option(
            "--seed",
            type=int,
            metavar="NUMBER",
            default=1,
            show_default=True,
            help="Random seed. The same seed sends the same requests.",
        ),
    ]
    vs: Annotated[
        tuple[str, ...] | None,
        click.option(
            "--vs", callback=_command, metavar="COMMAND", help="Measure this second helper too, in alternating rounds."
        ),
    ]
    rounds: Annotated[
        int | None,
        click.option(
            "--rounds",
            type=click.IntRange(min=1),
            metavar="NUMBER",
            help=f"Measure each helper this many times.  [default: 1, with --vs {_ROUNDS}]",
        ),
    ]

    @property
    def all_rounds(self) -> int:
        """The number of rounds."""
        return self.rounds or (1 if self.vs is None else _ROUNDS)

    def plan(self, interface: int | None, masker: Masker) -> LoadPlan:
        """Return the load for the programs. Raises LoadAccountsError."""
        from extauth.harness.load.accounts import read_load_accounts
        from extauth.harness.load.measurement import LoadPlan
        from extauth.harness.load.pace import RatePace, WindowPace
        from extauth.harness.load.traffic import RequestGenerator, parse_mix

        if self.rate is not None and self.window is not None:
            raise click.UsageError("Use --rate or --window, not both.")
        accounts = read_load_accounts(self.accounts)
        for account in accounts:
            masker.hide(account.password, account.address)
        mix, wrong, rate = parse_mix(self.mix), self.wrong / 100, self.rate
        return LoadPlan(
            lambda: RequestGenerator(accounts, self.distribution, mix, wrong=wrong, mode=self.mode, seed=self.seed),
            lambda: WindowPace(self.window or _WINDOW) if rate is None else RatePace(rate),
            interface,
            self.requests,
            _SECONDS if self.seconds is None and self.requests is None else self.seconds,
        )


@click.command(
    cls=GroupedCommand,
    groups={
        "Requests": ["accounts", "distribution", "mix", "wrong", "mode", "seed"],
        "Speed and length": ["window", "rate", "requests", "seconds"],
        "Comparison": ["vs", "rounds"],
        **PROGRAM_OPTIONS,
    },
)
@program_options
@options_from(LoadOptions)
@interface_option
@html_option
def load(options: ProgramOptions, load_options: LoadOptions, interface: int | None, html: TextIO | None) -> None:
    """Send a helper many requests, check and time the replies.

    \b
    Example:
      extauth harness load --accounts accounts --seconds 5 -- \\
          extauth serve -c extauth.toml

    Exit status 1: there are wrong replies, temporary failures or protocol violations.
    """
    from extauth.harness.load.measurement import measure  # here: --help needs none of these
    from extauth.harness.load.report import load_table, median_round, remark_lines
    from extauth.harness.process import from_here
    from extauth.harness.tables import text_lines

    masker = options.masker()
    second = load_options.vs
    commands = {"program": options.program} if second is None else {"A": options.program, "B": second}
    runs: dict[str, list[Measurement]] = {name: [] for name in commands}
    remarks: list[str] = []
    aborted = False
    with options.started() as settings:
        plan = load_options.plan(interface, masker)
        for command in commands.values():
            from_here(command)  # fails before the first measurement if a program does not exist
        try:
            for number, name in product(range(1, load_options.all_rounds + 1), commands):
                with show_progress(f"{name} {number}/{load_options.all_rounds}") as progress:
                    program_settings = replace(settings, command=commands[name])
                    run = measure(program_settings, plan, masker, options.log(masker), progress)
                runs[name].append(run)
                if load_options.all_rounds * len(commands) > 1:
                    remarks.append(f"# {name}, round {number}")
                remarks += remark_lines(run, masker)
                if run.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            aborted = True
    if not any(runs.values()):
        raise click.Abort
    table = load_table(list(runs.values()), masker)
    series = {name: median_round(rounds).statistics for name, rounds in runs.items() if rounds}
    write_page(html, commands, table, series, remarks)
    lines = [f"{name}: {shlex.join(command)}" for name, command in commands.items()]
    success = all(run.is_success for rounds in runs.values() for run in rounds)
    finish([*lines, *text_lines(table), *remarks], success=success or aborted)
    if aborted:
        raise click.Abort

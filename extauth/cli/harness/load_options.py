"""The options of `extauth harness load`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import click

from extauth.harness.load.methods import parse_methods
from extauth.harness.load.pace import Rate, Window
from extauth.harness.load.population import read_population
from extauth.harness.load.run import Plan
from extauth.harness.load.traffic import Distribution, Traffic
from extauth.harness.masking import Masker

_SECONDS = 10.0  # where it is not said how much
_WINDOW = 64
_ROUNDS = 3  # of two programs


def _methods(context: click.Context, parameter: click.Parameter, text: str) -> str:
    try:
        parse_methods(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _command(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    try:
        words = tuple(shlex.split(text or ""))
    except ValueError as error:
        raise click.BadParameter(f"{error}".lower()) from None
    if text is not None and not words:
        raise click.BadParameter("no program is named")
    return words or None


@dataclass(frozen=True)
class LoadOptions:
    """What is asked, how fast, how much, and of whom else."""

    accounts: Annotated[
        Path,
        click.option(
            "--accounts",
            type=click.Path(path_type=Path),
            required=True,
            metavar="FILE",
            help="Accounts and passwords; a line is name@domain:password.",
        ),
    ]
    distribution: Annotated[
        Distribution,
        click.option(
            "--distribution",
            type=click.Choice(get_args(Distribution)),
            default="zipf",
            show_default=True,
            help="Ask for the first accounts in the file most, or for all alike.",
        ),
    ]
    methods: Annotated[
        str,
        click.option(
            "--methods",
            default="vrfy",
            show_default=True,
            callback=_methods,
            metavar="NAME[=SHARE],...",
            help="vrfy, cram-md5, apop, and how often which.",
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
            help="How many passwords are wrong.",
        ),
    ]
    mode: Annotated[
        str, click.option("--mode", default="", metavar="NAME", help="The service that asks, such as IMAP.")
    ]
    window: Annotated[
        int | None,
        click.option(
            "--window", type=click.IntRange(min=1), help=f"Keep so many requests under way; {_WINDOW} by default."
        ),
    ]
    rate: Annotated[
        float | None,
        click.option(
            "--rate",
            type=click.FloatRange(min=0, min_open=True),
            help="Send so many requests a second instead, whatever is under way.",
        ),
    ]
    requests: Annotated[
        int | None, click.option("--requests", type=click.IntRange(min=1), help="Send so many requests.")
    ]
    seconds: Annotated[
        float | None,
        click.option(
            "--seconds",
            type=click.FloatRange(min=0, min_open=True),
            help=f"Send requests for so long; {_SECONDS:g} by default.",
        ),
    ]
    seed: Annotated[
        int, click.option("--seed", type=int, default=1, show_default=True, help="Another one draws other requests.")
    ]
    vs: Annotated[
        tuple[str, ...] | None,
        click.option(
            "--vs",
            callback=_command,
            metavar="COMMAND",
            help="Measure another program as well, in turn with the first.",
        ),
    ]
    rounds: Annotated[
        int | None,
        click.option(
            "--rounds", type=click.IntRange(min=1), help=f"How often; once by default, {_ROUNDS} times with --vs."
        ),
    ]

    @property
    def all_rounds(self) -> int:
        """How many rounds there are."""
        return self.rounds or (1 if self.vs is None else _ROUNDS)

    def plan(self, interface: int | None, masker: Masker) -> Plan:
        """What the programs are driven with. Raises AccountsError."""
        if self.rate is not None and self.window is not None:
            raise click.UsageError("--rate and --window exclude each other.")
        logins = read_population(self.accounts)
        for login in logins:
            masker.hide(login.password)
        methods, wrong, rate = parse_methods(self.methods), self.wrong / 100, self.rate
        return Plan(
            lambda: Traffic(logins, self.distribution, methods, wrong=wrong, mode=self.mode, seed=self.seed),
            lambda: Window(self.window or _WINDOW) if rate is None else Rate(rate),
            interface,
            self.requests,
            _SECONDS if self.seconds is None and self.requests is None else self.seconds,
        )

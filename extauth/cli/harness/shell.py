"""`extauth harness shell`: requests that are typed, sent to a helper program."""

from __future__ import annotations

import sys

import click

from extauth.cli.harness.options import ProgramOptions, program_options
from extauth.cli.harness.outcome import conclude, show
from extauth.harness.report import end_lines
from extauth.harness.shell import Shell


@click.command()
@program_options
def shell(options: ProgramOptions) -> None:
    """Send a program the requests that are typed, or `verify name@domain`. Status 1 where it does not do as it must."""
    masker = options.masker()
    terminal = _Terminal() if sys.stdin.isatty() else None
    with options.started() as settings:
        typed = Shell(settings, masker, terminal, options.log(masker), show)
        typed.run(sys.stdin.fileno())
    conclude(end_lines(typed.supervisor, masker), well=not typed.supervisor.complained)


class _Terminal:
    def prompt(self) -> None:
        click.echo("> ", nl=False)

    def ask_password(self) -> bytes:
        answer: str = click.prompt("Password", hide_input=True, default="", show_default=False)
        return answer.encode(errors="surrogateescape")

"""`extauth harness`: drive a helper program as the mail server does (docs/harness.md). One subcommand per file.

options   what all of them take, and what these come to
outcome   what they show, and the status they end with
replay, shell, listen
"""

from __future__ import annotations

import click

from extauth.cli.harness.listen import listen
from extauth.cli.harness.load import load
from extauth.cli.harness.replay import replay
from extauth.cli.harness.shell import shell


@click.group()
def harness() -> None:
    """Start a helper program and drive it as the mail server does."""


for command in (replay, shell, listen, load):
    harness.add_command(command)

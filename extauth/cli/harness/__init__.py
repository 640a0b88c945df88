"""`extauth harness`: drive a helper program as the mail server does (docs/harness.md).

sessions  replay and shell
load      load and its options
listen    listen
domain_security, domain_files   domain-security and its commands
options   the options of all subcommands
output    lines, pages and exit status
terminal  line editing and history of the shell
"""

from __future__ import annotations

import click

from extauth.cli.harness.domain_security import domain_security
from extauth.cli.harness.listen import listen
from extauth.cli.harness.load import load
from extauth.cli.harness.sessions import replay, shell


@click.group()
def harness() -> None:
    """Start a helper and talk to it as the mail server does.

    \b
    Example:
      extauth harness shell -- extauth serve -c extauth.toml
    """


for command in (replay, shell, listen, domain_security, load):
    harness.add_command(command)

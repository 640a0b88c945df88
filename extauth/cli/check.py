"""`extauth check`: is the configuration valid, and what would be served?"""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The configuration file."
)
@click.option("--strict", is_flag=True, help="End with status 4 if there are warnings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(config_file: Path, strict: bool, as_json: bool) -> None:
    """Read the configuration and all files as serve would. Say what is wrong and what would be served.

    Directories are tried, too. Run this as the user that the mail server starts extauth as.

    \b
    Exit status:
      0  all is well; there may be warnings
      1  serve would refuse the configuration
      2  wrong arguments
      3  serve would start, but no account of some domain can log in
      4  there are warnings, with --strict
    """
    from extauth.cli.check_report import CheckReport  # here: --help needs none of this

    report = CheckReport(config_file, shows=not as_json)
    report.run()
    if as_json:
        click.echo(report.as_json(strict=strict))
    sys.exit(report.status(strict=strict))

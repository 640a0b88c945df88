"""`extauth status`: how the running helpers of a configuration do."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extauth.cli.options import config_option
from extauth.version import pip_install

if TYPE_CHECKING:
    from extauth.cli.running import RunningHelper

_INTERVAL = 2.0  # seconds
_SILENT, _WRONG, _NONE = 1, 2, 3


@click.command()
@config_option
@click.option("--pid", type=int, help="Show only the helper whose frontend has this process id.")
@click.option("--watch", is_flag=True, help="Show it again every 2 seconds, until Ctrl-C. Needs the extra watch.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--check", is_flag=True, help="Print one line for Nagios or Icinga, with its exit statuses.")
def status(config_file: Path, pid: int | None, watch: bool, as_json: bool, check: bool) -> None:
    """Ask the running helpers how they do: requests, times, workers, backends.

    \b
    Examples:
      extauth status -c /etc/extauth/extauth.toml
      extauth status --check -c /etc/extauth/extauth.toml

    Run this as the user that the mail server starts extauth as.

    \b
    Exit status:
      0  every helper has answered
      1  a helper does not answer
      2  wrong arguments, a folder that other users can change, or
         a configuration that cannot be read
      3  no helper runs with this configuration

    \b
    Exit status with --check:
      0  OK
      1  WARNING: a backend fails, the last reload failed, or no metrics
      2  CRITICAL: no helper runs, one does not answer, no worker serves,
         or every backend fails
      3  UNKNOWN: a folder that other users can change, or
         a configuration that cannot be read
    """
    if watch + as_json + check > 1:
        raise click.UsageError("--watch, --json and --check exclude each other")
    if watch:
        _watch(config_file, pid)
        return
    from extauth.cli import status_report  # here: --help needs none of this
    from extauth.cli.running import find_helpers, none_found
    from extauth.errors import ConfigError

    try:
        helpers = find_helpers(config_file, pid)
    except ConfigError as error:
        if check:
            click.echo(f"EXTAUTH UNKNOWN - {error}")
            sys.exit(status_report.UNKNOWN)
        click.echo(f"extauth: {error}", err=True)
        sys.exit(_WRONG)
    if check:
        line, exit_status = status_report.as_check(helpers)
        click.echo(line)
        sys.exit(exit_status)
    if as_json:
        click.echo(status_report.as_json(helpers))
    elif helpers:
        click.echo(status_report.as_text(helpers))
    if not helpers:
        click.echo(f"extauth: {none_found(config_file, pid)}", err=True)
    sys.exit(_exit_status(helpers))


def _exit_status(helpers: list[RunningHelper]) -> int:
    if not helpers:
        return _NONE
    return _SILENT if any(helper.report is None for helper in helpers) else 0


def _watch(config_file: Path, pid: int | None) -> None:
    """Show the status again and again. On a terminal the new one replaces the old one."""
    from extauth.cli.running import find_helpers, none_found
    from extauth.cli.status_report import as_text
    from extauth.errors import ConfigError

    try:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text
    except ImportError:
        remedy = pip_install("'.[watch]'")
        raise click.UsageError(f"--watch needs a package; in the checkout, run: {remedy}") from None

    def shown() -> Text:
        helpers = find_helpers(config_file, pid)
        return Text(as_text(helpers) if helpers else none_found(config_file, pid))

    console = Console(highlight=False)
    try:
        if not console.is_terminal:
            while True:
                print(shown().plain, end="\n\n", flush=True)
                time.sleep(_INTERVAL)
        with Live(shown(), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_INTERVAL)
                live.update(shown(), refresh=True)
    except ConfigError as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(_WRONG)
    except KeyboardInterrupt:
        pass

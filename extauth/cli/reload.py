"""`extauth reload`: let the running helpers read their configuration again, and say what became of it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extauth.cli.options import config_option

_FAILED, _WRONG, _NONE = 1, 2, 3
_WITHIN = 140.0  # seconds: longer than a helper waits for files


@click.command()
@config_option
@click.option("--pid", type=int, help="Reload only the helper whose frontend has this process id.")
def reload(config_file: Path, pid: int | None) -> None:
    """Let the running helpers read the configuration and all files again. Wait, and say what became of it.

    \b
    Example:
      extauth reload -c /etc/extauth/extauth.toml

    It does the same as SIGHUP. No request gets lost. If something is wrong, nothing changes.

    \b
    Exit status:
      0  every helper has reloaded
      1  a reload failed, or a helper does not answer
      2  wrong arguments, a folder that other users can change, or
         a configuration that cannot be read
      3  no helper runs with this configuration
    """
    from extauth.cli.running import HelperSilent, ask, find_helpers, none_found  # here: --help needs none of this
    from extauth.errors import ConfigError
    from extauth.workers.status_messages import ReloadDone, ReloadWanted

    try:
        helpers = find_helpers(config_file, pid)
    except ConfigError as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(_WRONG)
    if not helpers:
        click.echo(f"extauth: {none_found(config_file, pid)}", err=True)
        sys.exit(_NONE)
    has_failed = False
    for helper in helpers:
        try:
            if helper.report is None:
                raise HelperSilent(helper.problem)
            done = ask(helper, ReloadWanted(), _WITHIN)
        except HelperSilent as error:
            click.echo(f"extauth: helper {helper.pid} does not answer: {error}; run: kill -HUP {helper.pid}", err=True)
            has_failed = True
            continue
        assert isinstance(done, ReloadDone)
        if done.problem:
            text = f"reload failed, keeping the previous configuration: {done.problem}"
            click.echo(f"extauth: helper {helper.pid}: {text}", err=True)
            has_failed = True
        else:
            click.echo(f"helper {helper.pid}: reloaded: {done.summary}")
    sys.exit(_FAILED if has_failed else 0)

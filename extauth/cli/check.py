"""`extauth check`: is the configuration valid, and what would be served?"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from extauth.chain import build_chain
from extauth.chain.imports import check_imports, repair_own_bytecode, restrict_import_path
from extauth.config import Config, read_config
from extauth.errors import ConfigError, UnexpectedError
from extauth.workers.log_destinations import log_problems
from extauth.workers.process_setup import set_up_process

_SHADOW = "/etc/shadow"


@click.command()
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The configuration file."
)
def check(config_file: Path) -> None:
    """Read the configuration and all files as `serve` would. Say what is wrong and what would be served.

    Directories are tried, too. An unavailable directory is not an error, because `serve` would start.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    set_up_process()
    restrict_import_path()
    try:
        for text in repair_own_bytecode():
            click.echo(text)
        config = read_config(config_file)
        check_imports(allow_unsafe=config.helper.allow_unsafe_files)
        chain = build_chain(config)
        chain.load()
    except (ConfigError, UnexpectedError) as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(1)
    for problem in log_problems(config.log):
        click.echo(f"{config.file}: {problem}: this log would not be written")
    for backend in chain.backends:
        click.echo(backend.describe())
        backend.self_test()
    click.echo(f"mechanisms: {', '.join(config.sasl.mechanisms) or 'none'}")
    _show_setuid(config)


def _show_setuid(config: Config) -> None:
    """Say whether backends may start setuid programs, and warn if PAM is likely to need one."""
    allowed = config.helper.allow_setuid
    click.echo(
        f"setuid programs: {'allowed' if allowed else 'not allowed'} (helper.allow_setuid = {str(allowed).lower()})"
    )
    uses_pam = any(backend.type == "pam" for backend in config.backends)
    if uses_pam and not allowed and os.geteuid() != 0 and not os.access(_SHADOW, os.R_OK):
        click.echo(
            f"uid {os.geteuid()} cannot read {_SHADOW}, and pam_unix cannot start its setuid program unix_chkpwd: "
            "if your PAM service needs it, set helper.allow_setuid = true"
        )

"""`extauth check`: is the configuration valid, and what would be served?"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from extauth.chain import build_chain
from extauth.chain.plugins import restrict_import_path
from extauth.config import read_config
from extauth.errors import ConfigError, UnexpectedError
from extauth.workers.log_destinations import log_problems


@click.command()
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The configuration file."
)
def check(config_file: Path) -> None:
    """Read the configuration and all files as `serve` would. Say what is wrong and what would be served.

    Directories are tried, too. An unavailable directory is not an error, because `serve` would start.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    restrict_import_path()
    try:
        config = read_config(config_file)
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

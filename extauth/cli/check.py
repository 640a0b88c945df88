"""`extauth check`: is the configuration sound, and what would be served?"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from extauth.chain import build_chain
from extauth.chain.plugins import restrict_import_path
from extauth.config import read_config
from extauth.errors import ConfigError, UnexpectedError
from extauth.frontend.log import problems_with


@click.command()
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The configuration file."
)
def check(config_file: Path) -> None:
    """Read the configuration and all files as `serve` would, and say what is wrong and what would be served.

    Directories are tried, too; one that is out of reach is no failure, since `serve` would start.
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
    for problem in problems_with(config.log):
        click.echo(f"{config.file}: {problem}: there would be no such log")
    for link in chain.links:
        click.echo(link.describe())
        link.self_test()
    click.echo(f"secure methods: {', '.join(config.sasl.mechanisms) or 'none'}")

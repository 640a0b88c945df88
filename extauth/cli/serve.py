"""`extauth serve`: the helper, as the mail server starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from extauth.config import read_config
from extauth.errors import ConfigError, Fault
from extauth.registry import forget_outside_paths
from extauth.seal import sealed
from extauth.server.descriptors import move_standard_descriptors
from extauth.workers.start import start_keeper


@click.command()
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The configuration file."
)
def serve(config_file: Path) -> None:
    """Answer the requests on standard input, until that is closed."""
    forget_outside_paths()
    try:
        config = read_config(config_file)
    except ConfigError as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(1)
    standard = move_standard_descriptors()
    try:
        keeper = start_keeper(config)
        from extauth.server.server import Server  # here: it takes as long as the keeper does to load

        sealed(Server(config, standard, keeper).serve)  # an error of our own must not show what it was about either
    except OSError as error:
        os.write(standard.error, f"extauth: cannot start a process: {error.strerror}\n".encode())
        sys.exit(1)
    except (ConfigError, Fault) as reason:
        os.write(standard.error, f"extauth: {reason}\n".encode(errors="backslashreplace"))
        sys.exit(1)

"""`extauth serve`: the helper, as somebody starts it who knows the command line."""

from __future__ import annotations

from pathlib import Path

import click

from extauth.cli.serve_file import serve_file


@click.command()
@click.option(
    "-c", "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The configuration file."
)
def serve(config_file: Path) -> None:
    """Answer the requests on standard input, until that is closed."""
    serve_file(config_file)

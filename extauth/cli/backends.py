"""`extauth backends`: which types of backends there are, from where, and their settings."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="List the backends of this configuration, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def backends(config_file: Path | None, as_json: bool) -> None:
    """List the backends that are installed, where they come from, and their settings.

    \b
    Example:
      extauth backends -c /etc/extauth/extauth.toml

    The exit status is 1 if a backend does not load, or the file cannot be read.
    """
    from extauth.cli.backends_list import as_text, found_backends, to_json  # here: --help needs none of this
    from extauth.errors import ConfigError

    try:
        found = found_backends(config_file)
    except ConfigError as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(1)
    click.echo(to_json(found) if as_json else as_text(found))
    sys.exit(1 if any(backend.problem for backend in found) else 0)

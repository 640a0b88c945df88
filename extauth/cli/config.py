"""`extauth config`: the effective configuration, and a schema for editors."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extauth.cli.options import config_option


@click.group()
def config() -> None:
    """Show the configuration that is in force, or a schema of its file."""


@config.command()
@config_option
def show(config_file: Path) -> None:
    """Print the effective configuration as TOML, with the origin of each value.

    \b
    Example:
      extauth config show -c /etc/extauth/extauth.toml

    The comment behind a value is the file and the line, or "default". Secrets are not shown.
    The exit status is 1 if serve would refuse the configuration.
    """
    from extauth.cli.config_show import effective_configuration  # here: --help needs none of this
    from extauth.errors import ConfigError, UnexpectedError

    try:
        text = effective_configuration(config_file)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"extauth: {problem}", err=True)
        sys.exit(1)
    except UnexpectedError as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(1)
    click.echo(text, nl=False)


@config.command()
def schema() -> None:
    """Print a JSON Schema of the configuration file, for editors.

    \b
    Example:
      extauth config schema > extauth.schema.json
    """
    from extauth.cli.config_schema import schema_of_configuration

    click.echo(schema_of_configuration())

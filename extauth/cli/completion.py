"""`extauth completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print a script that completes commands and options in SHELL: bash, zsh or fish.

    \b
    Examples:
      extauth completion bash > /etc/bash_completion.d/extauth
      extauth completion zsh > /usr/local/share/zsh/site-functions/_extauth
      extauth completion fish > ~/.config/fish/completions/extauth.fish
    """
    from click.shell_completion import get_completion_class

    from extauth.cli.commands import commands

    found = get_completion_class(shell)
    assert found is not None  # click has these three
    click.echo(found(commands, {}, "extauth", "_EXTAUTH_COMPLETE").source())

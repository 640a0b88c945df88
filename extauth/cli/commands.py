"""The commands of `extauth`. Each is imported when it is used."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from extauth.cli.options import config_option
from extauth.version import VERSION

_MODULES = {
    "backends": "extauth.cli.backends",
    "check": "extauth.cli.check",
    "completion": "extauth.cli.completion",
    "config": "extauth.cli.config",
    "harness": "extauth.cli.harness",
    "man": "extauth.cli.man",
    "passwd": "extauth.cli.passwd",
    "reload": "extauth.cli.reload",
    "status": "extauth.cli.status",
    "verify": "extauth.cli.verify",
}

_SUMMARIES = {
    "backends": "List the backends that are installed, with their settings.",
    "check": "Read the configuration and all files as serve would.",
    "completion": "Print a script that completes commands and options in a shell.",
    "config": "Show the effective configuration, or a schema of its file.",
    "harness": "Start a helper program and drive it as the mail server does.",
    "man": "Write the man pages of all commands into a folder.",
    "passwd": "Add an account to a password file, or change its password.",
    "reload": "Let the running helper read its configuration again.",
    "serve": "Handle the requests on standard input until it closes.",
    "status": "Show how the running helper does.",
    "verify": "Check one password. Show what each backend says.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_MODULES])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in self.list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name)
        command: Any = getattr(importlib.import_module(_MODULES[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="extauth")
def commands() -> None:
    """External authentication for CommuniGate Pro: the helper, and a harness to test it.

    \b
    Example:
      extauth check -c /etc/extauth/extauth.toml

    `extauth COMMAND -h` explains a command.
    """


@commands.command("serve")
@config_option
def serve_command(config_file: Path) -> None:
    """Handle the requests on standard input until it closes.

    \b
    Example:
      extauth serve -c /etc/extauth/extauth.toml

    The mail server starts this command. Log lines for the mail server go to standard output. SIGHUP reloads.
    """
    from extauth.cli.serve import serve

    serve(config_file)

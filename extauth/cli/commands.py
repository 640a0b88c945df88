"""What `extauth COMMAND` may be. Each command is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

import click

from extauth.version import VERSION

_COMMANDS = {"check": "check", "harness": "harness", "passwd": "passwd", "serve": "serve"}  # name -> module, function


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: Any = getattr(importlib.import_module(f"extauth.cli.{cmd_name}"), _COMMANDS[cmd_name])
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_LazyGroup)
@click.version_option(VERSION, prog_name="extauth")
def commands() -> None:
    """External authentication for CommuniGate Pro: the helper, and a harness to try it."""

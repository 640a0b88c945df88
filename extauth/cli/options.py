"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click


class NameChoice(click.Choice[str]):
    """One of several names, in upper or lower case. The error shows the names as they are written."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(list(names), case_sensitive=False)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the text of the error."""
        return f"{value!r} is not one of {', '.join(self.choices)}."


config_option = click.option(
    "-c",
    "--config",
    "config_file",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration file.",
)
"""The configuration file of a command that cannot do without."""

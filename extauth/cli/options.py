"""Options that several commands have, and commands whose help shows the options in groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


OTHERS = "Options"
"""The group of options that are in no other one."""


class GroupedCommand(click.Command):
    """A command with `groups`: names of parameters by the title of their group."""

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._groups = groups

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. An option of a program without `--` before it is a common mistake: name the remedy."""
        takes_program = any(parameter.name == "program" for parameter in self.params)
        is_separated = "--" in args
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if is_separated or not takes_program:
                raise
            text = f"No such option: {error.option_name}. If it is for the helper, write -- before its command."
            raise click.UsageError(text, ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group."""
        for title, options in grouped_options(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])


def grouped_options(command: click.Command, ctx: click.Context) -> dict[str, list[click.Option]]:
    """Return the options of a command by the title of their group."""
    options = [
        each
        for each in command.get_params(ctx)
        if isinstance(each, click.Option) and each.get_help_record(ctx) is not None
    ]
    groups: Mapping[str, Sequence[str]] = getattr(command, "_groups", {})
    titles = {name: title for title, names in groups.items() for name in names}
    found: dict[str, list[click.Option]] = {title: [] for title in (*groups, OTHERS)}
    for option in options:
        found[titles.get(option.name or "", OTHERS)].append(option)
    return {title: each for title, each in found.items() if each}

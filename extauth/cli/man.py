"""`extauth man`: man pages, made from the help of the commands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from extauth.cli.options import grouped_options
from extauth.version import VERSION

_PREFORMATTED = "\b"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def man(folder: Path) -> None:
    """Write the man pages of all commands into FOLDER.

    \b
    Example:
      extauth man /usr/local/share/man/man1
    """
    from extauth.cli.commands import commands

    os.umask(0o022)  # everyone may read the pages
    try:
        folder.mkdir(parents=True, exist_ok=True)
        count = 0
        for name, page in man_pages(commands):
            (folder / f"{name}.1").write_text(page, encoding="utf-8")
            count += 1
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from None
    click.echo(f"{count} pages are written to {folder}")


def man_pages(commands: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of the page of each command, in the language of man (groff_man(7))."""
    yield from _pages(commands, click.Context(commands, info_name="extauth", **commands.context_settings))


def _pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    name = context.command_path.replace(" ", "-")
    below = {}
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None  # list_commands has named it
            below[each] = found
    yield name, "\n".join(_page(name, command, context, below)) + "\n"
    for each, found in below.items():
        yield from _pages(found, click.Context(found, info_name=each, parent=context))


def _page(name: str, command: click.Command, context: click.Context, below: dict[str, click.Command]) -> Iterator[str]:
    help_text = command.help or ""
    yield f'.TH "{name.upper()}" "1" "" "extauth {VERSION}" "extauth"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(command.get_short_help_str(200).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f"\\fB{_text(context.command_path)}\\fR {_text(' '.join(command.collect_usage_pieces(context)))}"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(help_text)
    for title, options in grouped_options(command, context).items():
        yield f'.SH "{_text(title.upper())}"'
        for option in options:
            record = option.get_help_record(context)
            assert record is not None  # grouped_options leaves those out
            yield from (".TP", f"\\fB{_text(record[0])}\\fR", _text(record[1]))
    if below:
        yield ".SH COMMANDS"
        for each, found in below.items():
            yield from (".TP", f"\\fB{_text(each)}\\fR", _text(found.get_short_help_str(200)))
    others = [f"{name}-{each}" for each in below] or [name.rpartition("-")[0]]
    yield ".SH SEE ALSO"
    yield ",\n".join(f"\\fB{_text(each)}\\fR(1)" for each in others)


def _paragraphs(help_text: str) -> Iterator[str]:
    """Yield the paragraphs. One behind a line with \\b keeps its lines."""
    for paragraph in re.split(r"\n\s*\n", help_text.strip()):
        lines = paragraph.split("\n")
        yield ".PP"
        if lines[0].strip() == _PREFORMATTED:
            yield from (".nf", *map(_text, lines[1:]), ".fi")
        else:
            yield _text(" ".join(line.strip() for line in lines))


def _text(text: str) -> str:
    """Escape what has a meaning for man."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped

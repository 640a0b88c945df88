"""`extauth harness replay` plays a session file to a program. `extauth harness shell` sends it typed requests."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TextIO

import click

from extauth.cli.harness.options import PROGRAM_OPTIONS, ProgramOptions, html_option, program_options
from extauth.cli.harness.output import finish, show, write_page
from extauth.cli.options import GroupedCommand


@click.command(cls=GroupedCommand, groups=PROGRAM_OPTIONS)
@click.argument("session", type=click.Path(path_type=Path))
@html_option
@program_options
def replay(options: ProgramOptions, session: Path, html: TextIO | None) -> None:
    """Play the file SESSION to a helper, and compare replies.

    \b
    Example:
      extauth harness replay session.txt -- extauth serve -c extauth.toml

    Exit status 1: a reply differs from the expected one, or there are protocol violations.
    """
    from extauth.harness.replay import Replay, difference_lines  # here: --help needs none of these
    from extauth.harness.report import end_lines, times_line, violation_lines
    from extauth.harness.session_file import read_session_file
    from extauth.harness.tables import statistics_table

    masker = options.masker()
    with options.started() as settings:
        session_file = read_session_file(session)
        play = Replay(session_file, settings, masker, options.log(masker), show)
        play.run()
    differences, count = play.expected.differences(), len(session_file.expected)
    lines = [
        *difference_lines(differences, masker),
        *violation_lines(play.manager, masker),
        f"replies: {count - len(differences):,} of {count:,} as expected",
        *times_line(play.statistics),
        *end_lines(play.manager, masker),
    ]
    table = statistics_table(play.statistics, masker)
    write_page(html, {"program": options.program}, table, {"replies": play.statistics}, lines)
    finish(lines, success=not (differences or play.manager.violation_count))


@click.command(cls=GroupedCommand, groups=PROGRAM_OPTIONS)
@program_options
def shell(options: ProgramOptions) -> None:
    """Send a helper the requests that you type. `verify name@domain` makes a request, `help` lists all commands.

    \b
    Example:
      extauth harness shell -- extauth serve -c extauth.toml

    Exit status 1: there are protocol violations.
    """
    from extauth.harness.report import end_lines  # here: --help needs none of these
    from extauth.harness.shell import Shell

    masker = options.masker()
    with options.started() as settings, contextlib.ExitStack() as stack:
        terminal, descriptor = None, sys.stdin.fileno()
        if sys.stdin.isatty():
            from extauth.cli.harness.terminal import LineEditor

            terminal = LineEditor()
            descriptor = terminal.descriptor
            stack.enter_context(terminal.started())
        typed = Shell(settings, masker, terminal, options.log(masker), show)
        typed.run(descriptor)
    finish(end_lines(typed.manager, masker), success=not typed.manager.violation_count)

"""`extauth harness replay`: a session file, played to a helper program."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from extauth.cli.harness.options import ProgramOptions, html_option, program_options
from extauth.cli.harness.outcome import conclude, show, write_page
from extauth.harness.replay import Replay
from extauth.harness.report import complaint_lines, difference_lines, end_lines, times_line
from extauth.harness.session import read_session
from extauth.harness.tables import statistics_table


@click.command()
@click.argument("session", type=click.Path(path_type=Path))
@html_option
@program_options
def replay(options: ProgramOptions, session: Path, html: TextIO | None) -> None:
    """Play the file SESSION to a program. Status 1 where it does not answer as expected, or not as it must."""
    masker = options.masker()
    with options.started() as settings:
        steps = read_session(session)
        play = Replay(steps, settings, masker, options.log(masker), show)
        play.run()
    differences, count = play.expectations.differences(), len(steps.expected)
    lines = [
        *difference_lines(differences, masker),
        *complaint_lines(play.supervisor, masker),
        f"replies: {count - len(differences):,} of {count:,} as expected",
        *times_line(play.statistics),
        *end_lines(play.supervisor, masker),
    ]
    table = statistics_table(play.statistics, masker)
    write_page(html, {"program": options.program}, table, {"replies": play.statistics}, lines)
    conclude(lines, well=not (differences or play.supervisor.complained))

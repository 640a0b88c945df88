"""`extauth harness replay`: a session file, played to a helper program."""

from __future__ import annotations

from pathlib import Path

import click

from extauth.cli.harness.options import ProgramOptions, program_options
from extauth.cli.harness.outcome import finish, show
from extauth.harness.replay import Replay
from extauth.harness.report import complaint_lines, difference_lines
from extauth.harness.session import read_session


@click.command()
@click.argument("session", type=click.Path(path_type=Path))
@program_options
def replay(options: ProgramOptions, session: Path) -> None:
    """Play the file SESSION to a program. Status 1 where it does not answer as expected, or not as it must."""
    masker = options.masker()
    with options.started() as settings:
        steps = read_session(session)
        play = Replay(steps, settings, masker, options.log(masker), show)
        play.run()
    differences = play.expectations.differences()
    for line in (*difference_lines(differences, masker), *complaint_lines(play.supervisor.complaints, masker)):
        show(line)
    count = len(steps.expected)
    show(f"replies: {count - len(differences):,} of {count:,} as expected")
    finish(play.supervisor, masker, as_expected=not differences)

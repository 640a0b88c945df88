"""`extauth harness`: drive a helper program as the mail server does (docs/harness.md)."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from extauth.errors import ExtauthError
from extauth.harness.conversation import Conversation, Watch
from extauth.harness.log import ServerLog
from extauth.harness.masking import Masker
from extauth.harness.program import Program
from extauth.harness.replay import Replay
from extauth.harness.report import complaint_lines, difference_lines, end_lines
from extauth.harness.session import read_session
from extauth.harness.shell import Shell
from extauth.log_levels import LEVEL_NAMES

_COLOURS = {"I:": "cyan", "O:": "green", "complaint:": "red", "-": "red", "+": "red", "#": "bright_black"}

_MAX_LINE = 500  # characters of a line that are shown

Command = Callable[..., None]


@click.group()
def harness() -> None:
    """Start a helper program and drive it as the mail server does."""


def _program_options(command: Command) -> Command:
    for option in (
        click.option(
            "--base-directory",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="The program's working directory; a fresh temporary one by default.",
        ),
        click.option(
            "--time-out",
            type=click.FloatRange(min=0, min_open=True),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="Stop the program when a reply takes longer.",
        ),
        click.option(
            "--log-level",
            type=click.Choice(list(LEVEL_NAMES), case_sensitive=False),
            help="Write to standard error what the server would log.",
        ),
        click.option("--show-passwords", is_flag=True, help="Do not mask passwords."),
        click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARG]..."),
    ):
        command = option(command)
    return command


@harness.command()
@click.argument("session", type=click.Path(path_type=Path))
@_program_options
def replay(
    session: Path,
    program: tuple[str, ...],
    base_directory: Path | None,
    time_out: float,
    log_level: str | None,
    show_passwords: bool,
) -> None:
    """Play the file SESSION to a program. Status 1 where it does not answer as expected, or not as it must."""
    masker = Masker(show_passwords=show_passwords)
    with _errors_as_sentences():
        steps = read_session(session)
        with _started(program, base_directory) as started:
            play = Replay(steps, started, time_out, masker, _log(log_level, masker), _show)
            play.run()
    differences = play.expectations.differences()
    for line in (*difference_lines(differences, masker), *complaint_lines(play.conversation.complaints, masker)):
        _show(line)
    count = len(steps.expected)
    _show(f"replies: {count - len(differences):,} of {count:,} as expected")
    _finish(play.conversation, masker, as_expected=not differences)


@harness.command()
@_program_options
def shell(
    program: tuple[str, ...],
    base_directory: Path | None,
    time_out: float,
    log_level: str | None,
    show_passwords: bool,
) -> None:
    """Send a program the requests that are typed, or `verify name@domain`. Status 1 where it does not do as it must."""
    masker = Masker(show_passwords=show_passwords)
    terminal = _Terminal() if sys.stdin.isatty() else None
    with _errors_as_sentences(), _started(program, base_directory) as started:
        typed = Shell(started, time_out, masker, terminal, _log(log_level, masker), _show)
        typed.run(sys.stdin.fileno())
    _finish(typed.conversation, masker, as_expected=True)


class _CannotBegin(click.ClickException):
    exit_code = 2


class _Terminal:
    def prompt(self) -> None:
        click.echo("> ", nl=False)

    def ask_password(self) -> bytes:
        answer: str = click.prompt("Password", hide_input=True, default="", show_default=False)
        return answer.encode(errors="surrogateescape")


@contextmanager
def _started(program: tuple[str, ...], base_directory: Path | None) -> Iterator[Program]:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # whatever a shell has made of them
        signal.signal(number, signal.default_int_handler)  # leaves through the contexts below, that tidy up
    with (
        tempfile.TemporaryDirectory(prefix="extauth-harness-") as temporary,
        Program(program, base_directory or Path(temporary)) as started,
    ):
        yield started


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    try:
        yield
    except ExtauthError as error:
        raise _CannotBegin(str(error)) from error


def _log(level: str | None, masker: Masker) -> Watch:
    if level is None:
        return lambda event: None
    return ServerLog(level, masker, lambda line: click.echo(line, err=True)).see


def _show(line: str) -> None:
    if len(line) > _MAX_LINE:
        line = f"{line[:_MAX_LINE]}... ({len(line):,} characters)"
    click.secho(line, fg=_COLOURS.get(line.strip("\r").partition(" ")[0]))


def _finish(conversation: Conversation, masker: Masker, *, as_expected: bool) -> None:
    for line in end_lines(conversation, masker):
        _show(line)
    if conversation.complaints or not as_expected:
        raise SystemExit(1)

"""The options of every subcommand that starts a helper program, and what they come to."""

from __future__ import annotations

import functools
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from extauth.errors import ExtauthError
from extauth.harness.log import ServerLog
from extauth.harness.masking import Masker
from extauth.harness.supervisor import ServerSettings, Watch
from extauth.log_levels import LEVEL_NAMES


@dataclass(frozen=True)
class ProgramOptions:
    """How a helper program is started, timed and shown."""

    program: tuple[str, ...]
    base_directory: Path | None
    time_out: float
    auto_restart: float | None
    log_level: str | None
    show_passwords: bool

    @contextmanager
    def started(self) -> Iterator[ServerSettings]:
        """The settings to start the program with, as long as its working directory is there.

        An error is told in one sentence, and a signal that ends the harness leaves by the contexts that tidy up.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # whatever a shell has made of them
            signal.signal(number, signal.default_int_handler)
        with errors_as_sentences(), tempfile.TemporaryDirectory(prefix="extauth-harness-") as temporary:
            folder = self.base_directory or Path(temporary)
            yield ServerSettings(self.program, folder, self.time_out, self.auto_restart)

    def masker(self) -> Masker:
        """What makes lines fit to be shown."""
        return Masker(show_passwords=self.show_passwords)

    def log(self, masker: Masker) -> Watch:
        """The server's log, as far as one is wanted."""
        if self.log_level is None:
            return lambda event: None
        return ServerLog(self.log_level, masker, lambda line: click.echo(line, err=True)).see


def program_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let `command` take the options of `ProgramOptions`, and give them to it as one, its first argument."""

    @functools.wraps(command)
    def with_options(**values: Any) -> None:
        command(ProgramOptions(**{field.name: values.pop(field.name) for field in fields(ProgramOptions)}), **values)

    decorated: Callable[..., None] = with_options
    for option in _OPTIONS:
        decorated = option(decorated)
    return decorated


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """What keeps a command from beginning becomes one sentence and status 2."""
    try:
        yield
    except ExtauthError as error:
        raise _CannotBegin(str(error)) from error


class _CannotBegin(click.ClickException):
    exit_code = 2


_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARG]..."),
    click.option("--show-passwords", is_flag=True, help="Do not mask passwords."),
    click.option(
        "--log-level",
        type=click.Choice(list(LEVEL_NAMES), case_sensitive=False),
        help="Write to standard error what the server would log.",
    ),
    click.option(
        "--auto-restart",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Start the program anew so long after its end, and send again what is not answered.",
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
        "--base-directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The program's working directory; a fresh temporary one by default.",
    ),
)

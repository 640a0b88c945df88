"""Options that become one value: a dataclass, whose fields say how they are given on the command line."""

from __future__ import annotations

import functools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import click

from extauth.errors import ExtauthError
from extauth.harness.life import ServerSettings, Watch
from extauth.harness.log import ServerLog
from extauth.harness.masking import Masker
from extauth.log_levels import LEVEL_NAMES

Command = Callable[..., None]


def takes(options: type[Any]) -> Callable[[Command], Command]:
    """Let a command take the fields of the dataclass `options`, and give them to it as one value.

    Each field is annotated with the click decorator that it is given by. Of several that a command `takes`, the first
    is its first argument.
    """
    given_by = {name: hint.__metadata__[0] for name, hint in get_type_hints(options, include_extras=True).items()}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def collected(*before: Any, **values: Any) -> None:
            own = {name: values.pop(name) for name in given_by}
            command(*before, options(**own), **values)

        decorated: Command = collected
        for decorator in reversed(given_by.values()):
            decorated = decorator(decorated)
        return decorated

    return decorate


@dataclass(frozen=True)
class ProgramOptions:
    """How a helper program is started, timed and shown."""

    base_directory: Annotated[
        Path | None,
        click.option(
            "--base-directory",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="The program's working directory; a fresh temporary one by default.",
        ),
    ]
    time_out: Annotated[
        float,
        click.option(
            "--time-out",
            type=click.FloatRange(min=0, min_open=True),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="Stop the program when a reply takes longer.",
        ),
    ]
    auto_restart: Annotated[
        float | None,
        click.option(
            "--auto-restart",
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            help="Start the program anew so long after its end, and send again what is not answered.",
        ),
    ]
    log_level: Annotated[
        str | None,
        click.option(
            "--log-level",
            type=click.Choice(list(LEVEL_NAMES), case_sensitive=False),
            help="Write to standard error what the server would log.",
        ),
    ]
    show_passwords: Annotated[bool, click.option("--show-passwords", is_flag=True, help="Do not mask passwords.")]
    program: Annotated[
        tuple[str, ...],
        click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARG]..."),
    ]

    @contextmanager
    def started(self) -> Iterator[ServerSettings]:
        """The settings to start the program with, as long as its working directory is there.

        An error is told in one sentence, and a signal that ends the harness leaves by the contexts that tidy up.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # whatever a shell has made of them
            signal.signal(number, signal.default_int_handler)
        with _errors_as_sentences(), tempfile.TemporaryDirectory(prefix="extauth-harness-") as temporary:
            folder = self.base_directory or Path(temporary)
            for word in self.program[1:]:
                if self.base_directory is None and _looks_like_a_file_here(word):
                    click.echo(f"# {word} is handed over as it is; the file of that name here is ./{word}", err=True)
            yield ServerSettings(self.program, folder, self.time_out, self.auto_restart)

    def masker(self) -> Masker:
        """What makes lines fit to be shown."""
        return Masker(show_passwords=self.show_passwords)

    def log(self, masker: Masker) -> Watch:
        """The server's log, as far as one is wanted."""
        if self.log_level is None:
            return lambda event: None
        return ServerLog(self.log_level, masker, lambda line: click.echo(line, err=True)).see


program_options = takes(ProgramOptions)

html_option = click.option(
    "--html",
    type=click.File("w", encoding="utf-8", lazy=False),
    metavar="FILE",
    help="Write a report with plots to FILE, as one HTML page.",
)
"""Of the commands that have something to draw."""

interface_option = click.option(
    "--interface", type=click.IntRange(min=1), metavar="VERSION", help="Ask for the helper dialect with INTF first."
)
"""Of the commands that make requests of their own."""


def _looks_like_a_file_here(word: str) -> bool:
    """Whether a word that is handed over as it is may have been meant as a file where we are."""
    return "/" not in word and os.access(word, os.F_OK) and Path(word).is_file()


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    """What keeps a command from beginning becomes one sentence and status 2."""
    try:
        yield
    except ExtauthError as error:
        raise _CannotBegin(str(error)) from error


class _CannotBegin(click.ClickException):
    exit_code = 2

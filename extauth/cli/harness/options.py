"""The options of all subcommands, and a decorator that passes options as one dataclass."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import click

from extauth.cli.options import NameChoice
from extauth.errors import ExtauthError
from extauth.log_levels import LEVEL_NAMES
from extauth.version import pip_install

if TYPE_CHECKING:  # the help of the commands needs none of these
    from extauth.harness.masking import Masker
    from extauth.harness.program import EventHandler, ProgramSettings

Function = Callable[..., None]


def options_from(options: type[Any]) -> Callable[[Function], Function]:
    """Return a decorator: it adds the options of a dataclass to a command and passes them as one positional argument.

    Each field of the dataclass is annotated with its click decorator. With several such decorators, the first one
    gives the first argument.
    """
    decorators = {name: hint.__metadata__[0] for name, hint in get_type_hints(options, include_extras=True).items()}

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def collected(*before: Any, **values: Any) -> None:
            own = {name: values.pop(name) for name in decorators}
            function(*before, options(**own), **values)

        decorated: Function = collected
        for decorator in reversed(decorators.values()):
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
            metavar="DIR",
            help="The helper's working directory. The default is a new temporary one.",
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
            help="Stop the helper if a reply takes longer.",
        ),
    ]
    auto_restart: Annotated[
        float | None,
        click.option(
            "--auto-restart",
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            help="Restart the helper this long after its end, and send the requests without a reply again.",
        ),
    ]
    log_level: Annotated[
        str | None,
        click.option(
            "--log-level",
            type=NameChoice(LEVEL_NAMES),
            metavar="LEVEL",
            help=f"Write the mail server's log to standard error. Levels: {', '.join(LEVEL_NAMES)}.",
        ),
    ]
    show_passwords: Annotated[bool, click.option("--show-passwords", is_flag=True, help="Do not mask passwords.")]
    program: Annotated[
        tuple[str, ...],
        click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARG]..."),
    ]

    @contextmanager
    def started(self) -> Iterator[ProgramSettings]:
        """Give the settings to start the program with, while its working directory exists.

        An ExtauthError becomes one sentence and status 2. Signals that end the harness raise KeyboardInterrupt, so
        that all contexts clean up.
        """
        import tempfile

        from extauth.harness.process import names_a_file_here
        from extauth.harness.program import ProgramSettings

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell may have set them to "ignore"
            signal.signal(number, signal.default_int_handler)
        with _errors_as_sentences(), tempfile.TemporaryDirectory(prefix="extauth-harness-") as temporary:
            folder = self.base_directory or Path(temporary)
            for word in filter(names_a_file_here, self.program[1:]):
                click.echo(f"# {word} is passed as {Path(word).absolute()}", err=True)
            yield ProgramSettings(self.program, folder, self.time_out, self.auto_restart)

    def masker(self) -> Masker:
        """Return a new masker."""
        from extauth.harness.masking import Masker

        return Masker(show_passwords=self.show_passwords)

    def log(self, masker: Masker) -> EventHandler:
        """Return the handler that writes the log. Without a log level it does nothing."""
        if self.log_level is None:
            return lambda event: None
        from extauth.harness.log import MailServerLog

        return MailServerLog(self.log_level, masker, lambda line: click.echo(line, err=True)).handle_event


PROGRAM_OPTIONS = {
    "Helper": ["base_directory", "time_out", "auto_restart", "interface"],
    "Output": ["log_level", "show_passwords", "html"],
}
"""Groups of options, for the help."""

program_options = options_from(ProgramOptions)

html_option = click.option(
    "--html",
    type=click.File("w", encoding="utf-8", lazy=False),
    metavar="FILE",
    help="Write an HTML page with figures and plots to FILE.",
)

interface_option = click.option(
    "--interface",
    type=click.IntRange(min=1),
    metavar="VERSION",
    help="Send an INTF request with this version first, to select the helper dialect.",
)


@contextmanager
def listen_extra() -> Iterator[None]:
    """Turn a missing library of the mail server into one sentence. Import its modules in this context."""
    try:
        yield
    except ImportError as error:
        remedy = pip_install("'.[listen]'")
        raise ExtauthError(
            f"{error.name} is missing: the mail server needs it; in the checkout, run: {remedy}"
        ) from None


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    """Turn an error into one sentence and status 2."""
    try:
        yield
    except ExtauthError as error:
        raise _CannotBegin(str(error)) from error


class _CannotBegin(click.ClickException):
    exit_code = 2

"""What can go wrong, as types.

    ExtauthError
    ├── ConfigError            a setting, a plugin or a file is wrong: refuse to start, or keep the running generation
    │   ├── ConfigErrors       several of them
    │   └── UnsafeFile         another user could have written this file
    ├── TemporaryFailure       a backend could not decide
    │   └── BackendUnavailable   it cannot be reached at the moment
    ├── UnexpectedError        a bug: code, most likely a backend's, raised an error that it must not raise
    └── MalformedRequest       a line from the mail server that breaks the protocol

A wrong password is not an error: it is a `Verdict`. No message of these errors may hold a password.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class ExtauthError(Exception):
    """Base of every error that extauth raises on purpose."""


class ConfigError(ExtauthError):
    """The configuration cannot be served (docs/protocol.md, section 5).

    The message names the file, the key, the value and what would be right.
    """

    @property
    def problems(self) -> list[str]:
        """The single mistakes, if there are several."""
        return [str(self)]


class ConfigErrors(ConfigError):
    """Several mistakes of one configuration."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self._problems = problems

    @property
    def problems(self) -> list[str]:
        """The single mistakes."""
        return self._problems


class UnsafeFile(ConfigError):
    """Another user could have written a configuration, plugin or password file."""


class Mistakes:
    """Collects the mistakes of a configuration, so that all of them can be shown at once."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Collect a ConfigError that the block raises, and go on after the block."""
        try:
            yield
        except ConfigError as error:
            self._problems += [problem for problem in error.problems if problem not in self._problems]

    def raise_all(self) -> None:
        """Raise ConfigError if there were any."""
        if len(self._problems) == 1:
            raise ConfigError(self._problems[0])
        if self._problems:
            raise ConfigErrors(self._problems)


class TemporaryFailure(ExtauthError):
    """A backend could not decide. The mail server gets "temporary failure" (docs/protocol.md, section 4).

    The message goes into the log.
    """


class BackendUnavailable(TemporaryFailure):
    """A backend cannot be reached at the moment: its directory, its database or its file."""


class UnexpectedError(ExtauthError):
    """Code, most likely a backend's, raised an error that it must not raise, or returned a wrong type.

    The mail server gets "temporary failure". The message says where it happened. It repeats nothing that the code said.
    """


class MalformedRequest(ExtauthError):
    """A request whose fields are missing, empty or badly quoted (docs/protocol.md, section 3)."""

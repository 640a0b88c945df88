"""What programs that are asked have in common."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from benchmarks.driver import Connections, Dialect, Stream
from benchmarks.programs import PATIENCE, running

UNDER_WAY = 256
"""Requests."""

_Channel = TypeVar("_Channel", bound=Stream | Connections, covariant=True)


@dataclass(frozen=True, slots=True)
class Running(Generic[_Channel]):
    """A program that runs, `root` its process."""

    root: int
    channel: _Channel


class Peer(ABC):
    """A program that checks passwords."""

    name: str
    dialect: Dialect
    refuses_at_once = True
    """Whether wrong passwords are answered when that is known, and not later."""

    under_way = UNDER_WAY
    """How many requests it takes at a time."""

    @abstractmethod
    def started(self) -> AbstractContextManager[Running[Stream | Connections]]:
        """Start it, to end with the context. Raises FailedError."""


class PipePeer(Peer):
    """One that is asked at its standard input."""

    def __init__(self, name: str, dialect: Dialect, command: Sequence[str | Path]) -> None:
        self.name = name
        self.dialect = dialect
        self._command = command

    @contextlib.contextmanager
    def started(self) -> Iterator[Running[Stream]]:
        """Start it, to end with the context."""
        with running(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stream = Stream(process.stdout.fileno(), process.stdin.fileno(), self.dialect.information)
            yield Running(process.pid, stream)
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)


def accepts(path: Path) -> bool:
    """Whether somebody takes connections at a unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        return True
    return False


def with_pam_services(folder: Path, command: Sequence[str | Path]) -> list[str | Path]:
    """A command that sees this folder as /etc/pam.d, as nobody else does: in mounts of its own, which root may make."""
    mount = 'mount --bind "$0" /etc/pam.d && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, folder, *command]

"""The common parts of the programs that are measured."""

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
from benchmarks.programs import START_TIMEOUT, running

UNDER_WAY = 256
"""The number of requests under way."""

_Channel = TypeVar("_Channel", bound=Stream | Connections, covariant=True)


@dataclass(frozen=True, slots=True)
class Running(Generic[_Channel]):
    """A running program. `root` is the id of its first process."""

    root: int
    channel: _Channel


class Peer(ABC):
    """A program that checks passwords."""

    name: str
    dialect: Dialect
    refuses_immediately = True
    """Whether it replies to a wrong password at once. False: it delays such replies."""

    under_way = UNDER_WAY
    """The number of requests that are under way at a time."""

    @abstractmethod
    def started(self) -> AbstractContextManager[Running[Stream | Connections]]:
        """Start the program. It ends with the context. Raises ProgramError."""


class PipePeer(Peer):
    """A program that reads requests from its standard input."""

    def __init__(self, name: str, dialect: Dialect, command: Sequence[str | Path]) -> None:
        self.name = name
        self.dialect = dialect
        self._command = command

    @contextlib.contextmanager
    def started(self) -> Iterator[Running[Stream]]:
        """Start the program. It ends with the context."""
        with running(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stream = Stream(process.stdout.fileno(), process.stdin.fileno(), self.dialect.information_prefix)
            yield Running(process.pid, stream)
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(START_TIMEOUT)


def accepts(path: Path) -> bool:
    """Return whether a program accepts connections at this Unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        return True
    return False


def with_pam_services(folder: Path, command: Sequence[str | Path]) -> list[str | Path]:
    """Return a command that sees this folder as /etc/pam.d, through a private mount. It needs root."""
    mount = 'mount --bind "$0" /etc/pam.d && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, folder, *command]

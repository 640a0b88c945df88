"""A helper program's process: its own session, working directory and three pipes, none of which is waited for."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from extauth.errors import ExtauthError
from extauth.harness.groups import group_runs

_CHUNK = 65_536
_MAX_REST = 64  # chunks


class CannotStart(ExtauthError):
    """The program is not there, or the system does not start it."""


class Process:
    """A helper program, running from here on until it is discarded.

    Raises CannotStart. Its standard error is read after its end only, as the server does it.
    """

    def __init__(self, command: Sequence[str], base_directory: Path) -> None:
        words = from_here(command)
        self._error_out, self._error_in = os.pipe()
        try:
            self._process = subprocess.Popen(
                words,
                cwd=base_directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._error_in,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._close_error_pipe()
            raise CannotStart(f"cannot start {command[0]} in {base_directory}: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        for descriptor in (self._stdin.fileno(), self._stdout.fileno(), self._error_out):
            os.set_blocking(descriptor, False)
        self._end = _descriptor_of(self._process.pid)
        self._readable = [self._stdout.fileno(), *([] if self._end is None else [self._end])]
        self._closed_at: float | None = None
        self.at_end_of_output = False
        """Whether all of its standard output is read, and no more will come."""

    @property
    def id(self) -> int:
        """The id of the process, of its process group and of its session."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative where a signal ended it; None as long as it runs."""
        return self._process.poll()

    @property
    def wakes_at_its_end(self) -> bool:
        """Whether its end cuts a wait short, as the system can have it."""
        return self._end is not None

    @property
    def takes_input(self) -> bool:
        """Whether its standard input is open."""
        return self._closed_at is None

    @property
    def closed_for(self) -> float | None:
        """How many seconds its standard input has been closed; None while it is open."""
        return None if self._closed_at is None else time.monotonic() - self._closed_at

    def wait(self, seconds: float, *, to_write: bool, alarm: int | None = None) -> None:
        """Wait so long for output, until it takes input, or until there is something to be read from `alarm`."""
        readable = self._readable if alarm is None else [*self._readable, alarm]
        select.select(readable, [self._stdin.fileno()] if to_write else [], [], seconds)  # exact to microseconds

    def write(self, data: bytes) -> int:
        """Write what its standard input takes now: how many bytes. Raises BrokenPipeError where it reads no more."""
        try:
            return os.write(self._stdin.fileno(), data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """The output that is there."""
        chunk = b"" if self.at_end_of_output else _read_now(self._stdout.fileno())
        if chunk == b"" and not self.at_end_of_output:
            self.at_end_of_output = True
            self._readable.remove(self._stdout.fileno())
        return chunk or b""

    def read_rest(self) -> bytes:
        """The output that is left after the end."""
        return _rest_of(self._stdout.fileno())

    def read_standard_error(self) -> tuple[bytes, bool]:
        """Its standard error, and whether that is full; after the end."""
        full = not select.select([], [self._error_in], [], 0)[1]
        return _rest_of(self._error_out), full

    def close_input(self) -> None:
        """Close its standard input."""
        self._stdin.close()
        self._closed_at = time.monotonic()

    def has_company(self) -> bool:
        """Whether anything of its process group runs."""
        return group_runs(self._process.pid)

    def kill(self) -> None:
        """Kill it and all that it started in its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def discard(self) -> None:
        """Kill what is left of it, and let go of its pipes."""
        self.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()
        if self._end is not None:
            os.close(self._end)
        self._close_error_pipe()

    def _close_error_pipe(self) -> None:
        os.close(self._error_out)
        os.close(self._error_in)


def from_here(command: Sequence[str]) -> list[str]:
    """The command with its paths made absolute: the program runs elsewhere than it was named. Raises CannotStart."""
    program, *arguments = command
    found = shutil.which(program)
    if found is None:
        raise CannotStart(f"cannot start {program}: not found, or not executable")
    return [str(Path(found).absolute()), *map(_absolute, arguments)]


def _absolute(word: str) -> str:
    return str(Path(word).absolute()) if "/" in word and os.access(word, os.F_OK) else word


def _descriptor_of(process: int) -> int | None:
    """A descriptor that can be read from the end of `process` on; None where the system has none (pidfd_open(2))."""
    if not hasattr(os, "pidfd_open"):
        return None
    with contextlib.suppress(OSError):
        return os.pidfd_open(process)
    return None


def _read_now(descriptor: int) -> bytes | None:
    """What is there to be read: nothing at the end, None where there may be more later."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def _rest_of(descriptor: int) -> bytes:
    """What is left in a pipe: bounded, for what got away from us may write for ever."""
    chunks = (_read_now(descriptor) or b"" for _ in range(_MAX_REST))
    return b"".join(takewhile(bool, chunks))

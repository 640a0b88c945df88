"""The process of a helper program: its own session, its working directory and three non-blocking pipes."""

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
from extauth.harness.processes import group_runs

_CHUNK = 65_536
_MAX_REST = 64  # chunks


class CannotStart(ExtauthError):
    """The program does not exist, or the system cannot start it."""


class Process:
    """The process of a helper program. It is started here and runs until `discard`.

    Raises CannotStart. Standard error is read only after the end, as the mail server does.
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
        self._end = _pidfd(self._process.pid)
        self._readable = [self._stdout.fileno(), *([] if self._end is None else [self._end])]
        self._closed_at: float | None = None
        self.at_end_of_output = False
        """Whether all standard output is read and no more will come."""

    @property
    def id(self) -> int:
        """The id of the process, its process group and its session."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative if a signal ended the process. None while it runs."""
        return self._process.poll()

    @property
    def end_wakes_wait(self) -> bool:
        """Whether `wait` returns when the process ends. Some systems cannot do this."""
        return self._end is not None

    @property
    def takes_input(self) -> bool:
        """Whether standard input is open."""
        return self._closed_at is None

    @property
    def closed_for(self) -> float | None:
        """Seconds since standard input was closed. None while it is open."""
        return None if self._closed_at is None else time.monotonic() - self._closed_at

    def wait(self, seconds: float, *, to_write: bool, wake_up: int | None = None) -> None:
        """Wait up to `seconds` for output, for space in the input pipe, or for data on the descriptor `wake_up`."""
        readable = self._readable if wake_up is None else [*self._readable, wake_up]
        select.select(readable, [self._stdin.fileno()] if to_write else [], [], seconds)  # exact to microseconds

    def write(self, data: bytes) -> int:
        """Write what the pipe takes now and return the number of bytes.

        Raises BrokenPipeError if the program has closed its standard input.
        """
        try:
            return os.write(self._stdin.fileno(), data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """Return the output that is available now."""
        chunk = b"" if self.at_end_of_output else _read_now(self._stdout.fileno())
        if chunk == b"" and not self.at_end_of_output:
            self.at_end_of_output = True
            self._readable.remove(self._stdout.fileno())
        return chunk or b""

    def read_rest(self) -> bytes:
        """Return the output that is left after the end."""
        return _rest_of(self._stdout.fileno())

    def read_standard_error(self) -> tuple[bytes, bool]:
        """Return standard error after the end, and whether its pipe is full."""
        full = not select.select([], [self._error_in], [], 0)[1]
        return _rest_of(self._error_out), full

    def close_input(self) -> None:
        """Close standard input."""
        self._stdin.close()
        self._closed_at = time.monotonic()

    def group_runs(self) -> bool:
        """Return whether any process of its process group runs."""
        return group_runs(self._process.pid)

    def kill(self) -> None:
        """Kill its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def discard(self) -> None:
        """Kill its process group, wait for the process and close the pipes."""
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
    """Return the command with absolute paths, because the program runs in another directory. Raises CannotStart."""
    program, *arguments = command
    found = shutil.which(program)
    if found is None:
        raise CannotStart(f"cannot start {program}: not found, or not executable")
    return [str(Path(found).absolute()), *map(_absolute, arguments)]


def names_a_file_here(word: str) -> bool:
    """Return whether a word without a `/` names a file in the current directory."""
    return "/" not in word and os.access(word, os.F_OK) and Path(word).is_file()


def _absolute(word: str) -> str:
    is_path = names_a_file_here(word) or ("/" in word and os.access(word, os.F_OK))
    return str(Path(word).absolute()) if is_path else word


def _pidfd(process: int) -> int | None:
    """Return a descriptor that becomes readable when `process` ends (pidfd_open(2)). None without system support."""
    if not hasattr(os, "pidfd_open"):
        return None
    with contextlib.suppress(OSError):
        return os.pidfd_open(process)
    return None


def _read_now(descriptor: int) -> bytes | None:
    """Return the available data: empty at the end, None if there may be more later."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def _rest_of(descriptor: int) -> bytes:
    """Return the rest in a pipe. It is bounded, because a process that escaped may write without end."""
    chunks = (_read_now(descriptor) or b"" for _ in range(_MAX_REST))
    return b"".join(takewhile(bool, chunks))

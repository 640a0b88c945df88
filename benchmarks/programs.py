"""Programs that run until a context ends, and what they use."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from extauth.harness.processes import proportional_set_size, tree

PATIENCE = 20.0
"""Seconds for a program to start or to end."""


class FailedError(Exception):
    """A program does not start, or does not answer as it should."""


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, with all that it starts in its session, until the context ends."""
    try:
        process = subprocess.Popen(
            command, bufsize=0, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise FailedError(f"{command[0]}: {error.strerror}") from error
    with process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            with contextlib.suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(process.pid, signal.SIGKILL)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that has no event to wait for."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() >= until:
            raise FailedError(f"{what} never came")
        time.sleep(0.001)


def cpu(root: int) -> float:
    """Seconds of CPU time that a process and all that it has started have used."""
    return sum(process.cpu for process in tree(root))


def memory(root: int) -> float:
    """MiB of a process and all that it has started; what several use counts once."""
    return sum(proportional_set_size(process.id) or 0 for process in tree(root)) / (1 << 20)

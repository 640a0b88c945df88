"""Programs that run until a context ends, the resources they use, and a helper for single requests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from extauth.harness.processes import proportional_set_size, tree

EXTAUTH = Path(sys.executable).with_name("extauth")
"""extauth in the environment that runs the benchmarks."""

START_TIMEOUT = 20.0
"""Seconds for a program to start or to end."""


class ProgramError(Exception):
    """A program does not start, or does not reply as it must."""


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a session of its own until the context ends. Its children end with it."""
    try:
        process = subprocess.Popen(
            command, bufsize=0, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise ProgramError(f"{command[0]}: {error.strerror}") from error
    with process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(START_TIMEOUT)
            with contextlib.suppress(ProcessLookupError):  # all have ended
                os.killpg(process.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition is true. Raises ProgramError after START_TIMEOUT."""
    until = time.monotonic() + START_TIMEOUT
    while not condition():
        if time.monotonic() >= until:
            raise ProgramError(f"timed out waiting for {what}")
        time.sleep(0.001)


def cpu(root: int) -> float:
    """Return the seconds of CPU time of a process and its descendants."""
    return sum(process.cpu for process in tree(root))


def memory(root: int) -> float:
    """Return the MiB of a process and its descendants. Shared memory counts once."""
    return sum(proportional_set_size(process.id) or 0 for process in tree(root)) / (1 << 20)


class Helper:
    """A running `extauth serve` for one request at a time."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            [EXTAUTH, "serve", "-c", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.information_lines: list[tuple[float, str]] = []
        """Its information lines, each with its time."""

    def send(self, *requests: str) -> None:
        """Send these requests. `wait_for` takes their replies."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{request}\n" for request in requests).encode())

    def wait_for(self, replies: int) -> None:
        """Wait for this number of replies."""
        assert self._process.stdout is not None
        while replies:
            replies -= not self._process.stdout.readline().startswith(b"* ")

    def verify(self, account: str, password: str) -> tuple[bool, float]:
        """Return whether the reply is OK, and the seconds that it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.perf_counter()
        self._process.stdin.write(f"1 VRFY {account} {password}\n".encode())
        for line in self._process.stdout:
            if not line.startswith(b"* "):
                return line == b"1 OK\n", time.perf_counter() - began
            self.information_lines.append((time.perf_counter(), line.decode()))
        raise SystemExit("the helper has ended")

    def memory(self) -> float:
        """Return the MiB of all its processes. Shared memory counts once."""
        return memory(self._process.pid)

    def end(self) -> None:
        """Close its standard input and wait for its end."""
        self._process.communicate(timeout=10)

"""A running helper, asked through its pipes, for the benchmarks."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("extauth")


class Helper:
    """A running `extauth serve` that is asked one request at a time."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            [PROGRAM, "serve", "-c", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.said: list[tuple[float, str]] = []
        """When it said what in its information lines."""

    def send(self, *requests: str) -> None:
        """Send these requests, whose replies `wait_for` takes."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{request}\n" for request in requests).encode())

    def wait_for(self, replies: int) -> None:
        """Wait for so many replies."""
        assert self._process.stdout is not None
        while replies:
            replies -= not self._process.stdout.readline().startswith(b"* ")

    def ask(self, account: str, password: str) -> tuple[bool, float]:
        """Whether this is the password, and after how many seconds the answer came."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.perf_counter()
        self._process.stdin.write(f"1 VRFY {account} {password}\n".encode())
        for line in self._process.stdout:
            if not line.startswith(b"* "):
                return line == b"1 OK\n", time.perf_counter() - began
            self.said.append((time.perf_counter(), line.decode()))
        raise SystemExit("the helper has ended")

    def memory(self) -> float:
        """MiB of all its processes; what they share counts once."""
        return sum(_proportional_set_size(process) for process in _tree(self._process.pid)) / 1024

    def end(self) -> None:
        """Close its standard input, and wait for its end."""
        self._process.communicate(timeout=10)


def _tree(root: int) -> Iterator[int]:
    yield root
    with contextlib.suppress(OSError):  # it has ended
        for child in Path(f"/proc/{root}/task/{root}/children").read_text().split():
            yield from _tree(int(child))


def _proportional_set_size(process: int) -> int:
    """KiB; none where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0

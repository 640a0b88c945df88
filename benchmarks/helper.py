"""A running helper, asked through its pipes, for the benchmarks."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.programs import memory

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
        return memory(self._process.pid)

    def end(self) -> None:
        """Close its standard input, and wait for its end."""
        self._process.communicate(timeout=10)

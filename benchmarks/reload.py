"""Measure the reload of a large password file. Every reply must come within 50 ms meanwhile.

    .venv/bin/python -m benchmarks.reload [LINES]

The program sends a helper one request after another while it replaces the password file, which has LINES lines
(default: 1,000,000). It replaces the file twice. The second time it measures memory (the proportional set size of all
processes), because this stops the processes for a moment.
"""

from __future__ import annotations

import base64
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.programs import Helper

IDLE = 3.0  # seconds of measurement before and after
MEMORY_INTERVAL = 0.1  # seconds
ACCOUNT = "first@example.com"


def write(path: Path, password: str, lines: int) -> None:
    """Replace the file. One account has this password, the others have salted digests."""
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.write(f"{ACCOUNT}:{{PLAIN}}{password}\n")
        for number in range(1, lines):
            file.write(f"user{number}@example.com:{{SSHA}}{base64.b64encode(number.to_bytes(28)).decode()}\n")
    new.chmod(0o600)
    new.replace(path)


def verify_until(helper: Helper, password: str, is_done: Callable[[bool], bool]) -> list[float]:
    """Send requests until `is_done(the reply is OK)`. Return how many seconds each reply took."""
    times = []
    while True:
        matches, seconds = helper.verify(ACCOUNT, password)
        times.append(seconds)
        if is_done(matches):
            return times


def for_seconds(seconds: float) -> Callable[[bool], bool]:
    """Return a condition that is true after this time."""
    until = time.perf_counter() + seconds
    return lambda matches: time.perf_counter() >= until


def print_row(phase: str, times: list[float], memory: float) -> None:
    """Print a row of the table."""
    times = sorted(times)
    median, worst = times[len(times) // 2] * 1000, times[-1] * 1000
    print(f"{phase:8} {len(times):9,} {median:10.2f} {worst:10.1f} {memory:12,.0f}")


def measure(folder: Path, lines: int) -> None:
    """Start a helper on a file with this number of lines, replace the file twice, and print the figures."""
    file, config = folder / "passwd", folder / "extauth.toml"
    write(file, "old", lines)
    config.write_text('[log]\nmail_server_level = "Major & Failures"\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    config.chmod(0o600)
    began = time.perf_counter()
    helper = Helper(config)
    helper.verify(ACCOUNT, "old")
    loaded = time.perf_counter() - began
    print(f"{lines:,} lines, {file.stat().st_size / 2**20:.0f} MiB; loaded {loaded:.1f} s after the start")

    before = verify_until(helper, "old", for_seconds(IDLE)), helper.memory()
    write(file, "new", lines)
    during = verify_until(helper, "new", bool)
    after = verify_until(helper, "new", for_seconds(IDLE))
    noticed, served = (
        next(when for when, line in helper.information_lines[::-1] if re.search(pattern, line))
        for pattern in ("changed: ", "serving")
    )
    print(f"reloaded in {served - noticed:.1f} s")

    write(file, "newer", lines)
    peak = 0.0
    while not helper.verify(ACCOUNT, "newer")[0]:
        peak = max(peak, helper.memory())
        time.sleep(MEMORY_INTERVAL)
    helper.verify(ACCOUNT, "newer")
    time.sleep(IDLE)  # until the old generation has ended
    print("         requests  median ms   worst ms   memory MiB")
    print_row("before", *before)
    print_row("during", during, peak)
    print_row("after", after, helper.memory())
    helper.end()


def main() -> None:
    """Measure with as many lines as the command line gives."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), lines)


if __name__ == "__main__":
    main()

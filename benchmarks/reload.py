"""Measures the reload of a large password file: requests shall be answered within 50 ms all the while.

    .venv/bin/python -m benchmarks.reload [LINES]

A running helper is asked one request after another while its file of LINES lines (default: 1,000,000) is replaced.
It is replaced twice: memory, the proportional set size of all its processes, is measured the second time, since
looking at it holds the processes up.
"""

from __future__ import annotations

import base64
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.helper import Helper

QUIET = 3.0  # seconds that are measured before and after
LOOK_EVERY = 0.1  # seconds
FIRST = "first@example.com"


def write(path: Path, password: str, lines: int) -> None:
    """Put a new file in place: one account with this password, and others that have salted digests."""
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.write(f"{FIRST}:{{PLAIN}}{password}\n")
        for number in range(1, lines):
            file.write(f"user{number}@example.com:{{SSHA}}{base64.b64encode(number.to_bytes(28)).decode()}\n")
    new.chmod(0o600)
    new.replace(path)


def ask_until(helper: Helper, password: str, is_over: Callable[[bool], bool]) -> list[float]:
    """Ask until `is_over(whether it was the password)`: how many seconds each answer took."""
    times = []
    while True:
        matches, seconds = helper.ask(FIRST, password)
        times.append(seconds)
        if is_over(matches):
            return times


def for_seconds(seconds: float) -> Callable[[bool], bool]:
    """Over after this time."""
    until = time.perf_counter() + seconds
    return lambda matches: time.perf_counter() >= until


def show(phase: str, times: list[float], memory: float) -> None:
    """One line of the table."""
    times = sorted(times)
    median, worst = times[len(times) // 2] * 1000, times[-1] * 1000
    print(f"{phase:8} {len(times):9,} {median:10.2f} {worst:10.1f} {memory:12,.0f}")


def measure(folder: Path, lines: int) -> None:
    """Start a helper on a file of so many lines, replace that twice, and print what was seen."""
    file, config = folder / "passwd", folder / "extauth.toml"
    write(file, "old", lines)
    config.write_text('[log]\nmail_server_level = "Major & Failures"\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    config.chmod(0o600)
    began = time.perf_counter()
    helper = Helper(config)
    helper.ask(FIRST, "old")
    loaded = time.perf_counter() - began
    print(f"{lines:,} lines, {file.stat().st_size / 2**20:.0f} MiB; loaded {loaded:.1f} s after the start")

    before = ask_until(helper, "old", for_seconds(QUIET)), helper.memory()
    write(file, "new", lines)
    during = ask_until(helper, "new", bool)
    after = ask_until(helper, "new", for_seconds(QUIET))
    noticed, served = (
        next(when for when, what in helper.said[::-1] if re.search(it, what)) for it in ("anew", "serving")
    )
    print(f"noticed, read anew and served in {served - noticed:.1f} s")

    write(file, "newer", lines)
    peak = 0.0
    while not helper.ask(FIRST, "newer")[0]:
        peak = max(peak, helper.memory())
        time.sleep(LOOK_EVERY)
    helper.ask(FIRST, "newer")
    time.sleep(QUIET)  # the old generation ends
    print("            asked  median ms   worst ms   memory MiB")
    show("before", *before)
    show("during", during, peak)
    show("after", after, helper.memory())
    helper.end()


def main() -> None:
    """Measure with as many lines as the command line says."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), lines)


if __name__ == "__main__":
    main()

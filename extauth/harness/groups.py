"""Whether a process group still has somebody in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def group_runs(group: int) -> bool:
    """Whether a process of `group` runs; where /proc tells, one that is dead but not yet reaped does not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    return any(of == group and state not in "XZ" for state, of in _processes())


def _processes() -> Iterator[tuple[str, int]]:
    """State and process group of every process (proc(5), /proc/pid/stat)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it is gone meanwhile
            state, _, group = stat.read_bytes().rpartition(b")")[2].split()[:3]
            yield state.decode(), int(group)

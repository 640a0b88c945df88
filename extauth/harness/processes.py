"""The processes of this computer, from /proc (proc(5), /proc/pid/stat)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process. Zombies are included.

    `cpu` is in seconds of user and system mode. It includes the children that the process has waited for.
    """

    id: int
    state: str
    parent: int
    group: int
    session: int
    cpu: float


def processes() -> Iterator[ProcessInfo]:
    """Yield all processes, or none if there is no /proc."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process has ended meanwhile
            yield _parsed(int(stat.parent.name), stat.read_bytes().rpartition(b")")[2].split())


def _parsed(process: int, fields: list[bytes]) -> ProcessInfo:
    state, parent, group, session = fields[:4]
    cpu = sum(map(int, fields[11:15])) / _TICKS
    return ProcessInfo(process, state.decode(), int(parent), int(group), int(session), cpu)


def tree(root: int) -> list[ProcessInfo]:
    """Return the process `root`, its descendants, and all processes of its session."""
    everything = list(processes())
    found = {process.id: process for process in everything if root in (process.id, process.session)}
    while more := [process for process in everything if process.parent in found and process.id not in found]:
        found.update((process.id, process) for process in more)
    return list(found.values())


def group_runs(group: int) -> bool:
    """Return whether a process group has a running process. With /proc, zombies do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    return any(process.group == group and process.state not in "XZ" for process in processes())


def proportional_set_size(process: int) -> int | None:
    """Return the memory of a process in bytes, with its share of shared pages. None if it cannot be read."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_bytes()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith(b"Pss:")), None)

"""The processes of this computer, as far as /proc tells (proc(5), /proc/pid/stat)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Running:
    """A process, dead ones that nobody has buried among them.

    `cpu` is seconds in user and system mode, its own and those of its children that are dead and buried.
    """

    id: int
    state: str
    parent: int
    group: int
    session: int
    cpu: float


def processes() -> Iterator[Running]:
    """All that there are; none where there is no /proc."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it is gone meanwhile
            yield _parsed(int(stat.parent.name), stat.read_bytes().rpartition(b")")[2].split())


def _parsed(process: int, fields: list[bytes]) -> Running:
    state, parent, group, session = fields[:4]
    cpu = sum(map(int, fields[11:15])) / _TICKS
    return Running(process, state.decode(), int(parent), int(group), int(session), cpu)


def tree(root: int) -> list[Running]:
    """`root`, its descendants, and all others of the session that it leads."""
    everybody = list(processes())
    found = {process.id: process for process in everybody if root in (process.id, process.session)}
    while more := [process for process in everybody if process.parent in found and process.id not in found]:
        found.update((process.id, process) for process in more)
    return list(found.values())


def proportional_set_size(process: int) -> int | None:
    """Bytes of memory of a process, its share of what several use; None where that cannot be read."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_bytes()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith(b"Pss:")), None)

"""Whether a process group still has somebody in it."""

from __future__ import annotations

import os
from pathlib import Path

from extauth.harness.processes import processes


def group_runs(group: int) -> bool:
    """Whether a process of `group` runs; where /proc tells, one that is dead but not yet reaped does not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    return any(process.group == group and process.state not in "XZ" for process in processes())

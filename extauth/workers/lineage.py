"""No process outlives its parent, whatever hangs in it (Linux; elsewhere the end of the socket has to do)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICER = 5


def die_with_parent(parent: int, *, really: bool = True) -> None:
    """Have the kernel kill this process when `parent` ends, or no more. Ends at once where it has ended already."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL) if really else 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def become_child(keep: Iterable[int], *, niceness: int = 0) -> None:
    """What every child does first: own process group, no signal handler and no descriptor of its parent's."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the front process, that decides
    kept = {0, 1, 2, *keep}
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    if niceness:
        os.nice(niceness)

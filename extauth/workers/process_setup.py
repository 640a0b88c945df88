"""What a process does first, so that nothing that it inherits weakens it (Linux).

The program that starts the helper chooses the umask, the limits, and the signals that are blocked or ignored. A fork
passes on what is set here.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Iterable
from itertools import pairwise

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}  # so that a write raises an error
_MAX_DESCRIPTORS = 2**20  # the highest number of descriptors that Linux allows by default (fs.nr_open)

_OBJECTS = 10_000  # new ones from one collection to the next. With Python's 700 an LDAP login takes 6 % more CPU

_c = ctypes.CDLL(None)  # loaded once: each child calls it first


def set_up_process() -> None:
    """Make this process safe. Call it before the first fork and before any other code runs.

    New files are private, and no bytecode is written: as root, with the umask 0, other users could change it. There
    are no core dumps, and no other process of the same user can read the memory: it holds passwords. No signal is
    blocked or ignored, but SIGUSR1 and SIGUSR2 do nothing, except that the frontend handles SIGUSR1.
    """
    sys.dont_write_bytecode = True
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(_PR_SET_DUMPABLE, 0)
    for number in signal.valid_signals():
        if number not in _IGNORED_BY_PYTHON and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # they would end the process
        signal.signal(number, lambda *_: None)  # programs that are executed get the default back
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def start_collecting_garbage() -> None:
    """Collect garbage from now on, rarely, and not among what is loaded already: forks share it."""
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()


def forbid_setuid() -> None:
    """Let no program that this process starts get the rights of another user. This cannot be undone."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def close_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor except `keep`. /proc is not needed: a process that cannot be dumped may not read it."""
    kept = {-1, *keep}
    for lower, higher in pairwise(sorted({*kept, max(_descriptor_limit(), *kept) + 1})):
        if lower + 1 < higher:  # for an empty range, closerange(0, 0) closes everything
            os.closerange(lower + 1, higher)


def prctl(option: int, value: int) -> None:
    """Call prctl(2). An unknown option, on another system, is ignored."""
    with contextlib.suppress(OSError, AttributeError):
        _c.prctl(option, int(value), 0, 0, 0)


def _descriptor_limit() -> int:
    """Return a number that is higher than those of all descriptors.

    Without close_range(2), Python closes one number after the other, so the hard limit counts if it is lower.
    """
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_DESCRIPTORS if limit == resource.RLIM_INFINITY else min(limit, _MAX_DESCRIPTORS)

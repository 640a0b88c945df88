"""File descriptors: 0, 1 and 2 moved away from libraries, writing without waiting, a poller, signals that wake it."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import select
import signal
import socket
import stat
from collections.abc import Callable

import msgspec

_FIRST_NUMBER = 10

READ = select.POLLIN
WRITE = select.POLLOUT
HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_SIGNALS_AT_ONCE = 4096


class StandardDescriptors(msgspec.Struct, frozen=True):
    """The new numbers of standard input, output and error."""

    input: int
    output: int
    error: int


def move_standard_descriptors() -> StandardDescriptors:
    """Move descriptors 0, 1 and 2 away, and put /dev/null in their places, so that no socket ever gets these numbers.

    They belong to the mail server: no library may read, write or close them (docs/protocol.md, section 2).
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    moved = []
    for number in (0, 1, 2):
        try:
            moved.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_NUMBER))
        except OSError:  # the helper was started without this descriptor
            moved.append(fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, _FIRST_NUMBER))
    for number in (0, 1, 2):
        os.dup2(null, number)
    if null > 2:
        os.close(null)
    return StandardDescriptors(*moved)


def write_function(output: int) -> Callable[[memoryview], int]:
    """Return a function that writes to `output` and returns how many bytes were taken.

    It raises BlockingIOError if a terminal or a socket takes nothing now. A pipe must be ready for writing, and the
    data not longer than PIPE_BUF. The mode of `output` itself is left alone: other programs share it.
    """
    if stat.S_ISSOCK(os.fstat(output).st_mode):
        connection = socket.socket(fileno=os.dup(output))
        return lambda data: connection.send(data, socket.MSG_DONTWAIT)
    if os.isatty(output):
        with contextlib.suppress(OSError):  # for example a terminal of another user: writing to it may block
            output = os.open(os.ttyname(output), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return functools.partial(os.write, output)


class Poller:
    """`select.poll`, which takes regular files too, with a function for each descriptor."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, tuple[int, Callable[[int], None]]] = {}

    def register(self, descriptor: int, events: int, handler: Callable[[int], None]) -> None:
        """Call `handler(events)` when some of these events come. With `events` 0, only `HUNG_UP` counts."""
        found = self._handlers.get(descriptor)
        if found is None or found[0] != events or found[1] != handler:
            self._poll.register(descriptor, events)
            self._handlers[descriptor] = (events, handler)

    def unregister(self, descriptor: int) -> None:
        """Wait for this descriptor no longer."""
        if self._handlers.pop(descriptor, None):
            self._poll.unregister(descriptor)

    def wait(self, seconds: float) -> None:
        """Wait for events, at most `seconds`, and call the handlers."""
        for descriptor, events in self._poll.poll(seconds * 1000 if seconds > 0 else 0):
            found = self._handlers.get(descriptor)  # an earlier handler may have removed it
            if found:
                found[1](events)


def is_ready(descriptor: int, events: int) -> bool:
    """Return whether one of `events` is there at this moment."""
    poll = select.poll()
    poll.register(descriptor, events)
    return bool(poll.poll(0))


class Signals:
    """Catches signals from now on. They wake the poller, and wait until `take` is called."""

    def __init__(self, poller: Poller) -> None:
        self._caught: set[int] = set()
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        poller.register(self._reader, READ, self._on_signals)

    def take(self) -> set[int]:
        """Return the signals that have come since the last call."""
        caught, self._caught = self._caught, set()
        return caught

    def _on_signals(self, events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._caught |= set(os.read(self._reader, _SIGNALS_AT_ONCE))

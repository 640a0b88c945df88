"""Lines from standard input, and its end (docs/protocol.md, 2 and 5)."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable

from extauth.frontend.children import forget_in_children
from extauth.frontend.descriptors import HUNG_UP, READ, Poller, is_ready
from extauth.protocol.framing import Framer, Line

_CHUNK = 65_536  # bytes to read in one call


class InputState(enum.Enum):
    """The life of standard input. Each state leads only to later ones."""

    OPEN = 1
    """More may come at any time."""

    ENDING = 2
    """The mail server has closed it, or a signal ends the helper: what is there is read, and nothing is waited for."""

    ENDED = 3
    """Nothing is read any more."""


class Reader:
    """Reads lines while there is room for requests. It notices the end of the input even when there is no room.

    `on_lines` is called when lines have come, and `on_end` when the input ends.
    """

    def __init__(
        self, descriptor: int, poller: Poller, on_lines: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self.state = InputState.OPEN
        self._input = descriptor
        self._poller = poller
        self._on_lines = on_lines
        self._on_end = on_end
        self._framer = Framer()
        self._lines: list[Line] = []
        self._room = 0
        forget_in_children(self)

    def forget(self) -> None:
        """Release the lines that were read, also in part."""
        self._framer, self._lines = Framer(), []

    @property
    def has_lines(self) -> bool:
        """Whether there are lines to take."""
        return bool(self._lines)

    @property
    def has_more(self) -> bool:
        """Whether there are lines to take, or may be later."""
        return bool(self._lines) or self.state is not InputState.ENDED

    def take(self, count: int) -> list[Line]:
        """Remove and return at most `count` lines; none if it is negative."""
        lines = self._lines
        if len(lines) <= count:
            self._lines = []
            return lines
        self._lines = lines[max(0, count) :]
        return lines[: max(0, count)]

    def wait(self, room: int) -> None:
        """From now on, read as soon as something is there, if there is `room` for requests and no line is left."""
        if self.state is InputState.ENDING and not is_ready(self._input, READ):
            self.state = InputState.ENDED  # a line without an end is not handled: the rest of it may be on its way
        self._room = room if self.state is not InputState.ENDED and not self._lines else 0
        if self._room > 0 or self.state is InputState.OPEN:
            self._poller.register(self._input, READ if self._room > 0 else 0, self._on_events)
        else:
            self._poller.unregister(self._input)

    def read_now(self, room: int) -> bool:
        """Read if there is room, no line is left, and something is there. Return False if not."""
        if room <= 0 or self._lines or self.state is InputState.ENDED or not is_ready(self._input, READ):
            return False
        self._read()
        return True

    def wait_for_no_more(self) -> None:
        """Read only what is there already, or a file to its end."""
        if self.state is InputState.OPEN and not self.is_file:
            self.state = InputState.ENDING

    def stop(self) -> None:
        """Read nothing any more, and forget the lines that are left."""
        self.state, self._lines = InputState.ENDED, []
        self._poller.unregister(self._input)

    def _on_events(self, events: int) -> None:
        if events & HUNG_UP and not self.is_file:
            self.wait_for_no_more()
            self._on_end()
        if self._room > 0:
            self._read()

    def _read(self) -> None:
        try:
            chunk = os.read(self._input, _CHUNK)
        except OSError:  # for example from a terminal that is gone
            chunk = b""
        if chunk:
            self._lines += self._framer.feed(chunk)
        else:
            self.state = InputState.ENDED
            self._lines += self._framer.finish()
            self._on_end()
        self._on_lines()

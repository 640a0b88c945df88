"""Replies and information lines, on their way to the mail server (docs/protocol.md, section 2)."""

from __future__ import annotations

import select
from collections.abc import Callable

from extauth.frontend.children import forget_in_children
from extauth.frontend.descriptors import HUNG_UP, WRITE, Poller, write_function
from extauth.frontend.log import Log

_PIECE = 4_096  # PIPE_BUF: what a pipe that is ready for writing takes in one piece, without blocking


class Writer:
    """Writes whole lines to standard output, as far as the mail server reads them.

    Replies come first. Lines for the Server Log follow them; if these are many, they wait until all replies are out.
    `on_written` is called when all replies so far are written.
    """

    def __init__(self, output: int, poller: Poller, log: Log, on_written: Callable[[], None]) -> None:
        self._output = output
        self._write_now = write_function(output)
        self._poller = poller
        self._log = log
        self._on_written = on_written
        self._buffer = bytearray()
        self._ready = select.poll()
        self._ready.register(output, WRITE)
        self.is_closed = False
        poller.register(output, 0, self._on_events)
        forget_in_children(self)

    def forget(self) -> None:
        """Release the replies: some contain a password."""
        self._buffer = bytearray()

    def __len__(self) -> int:
        """How many bytes wait to be written, the lines for the Server Log not counted."""
        return len(self._buffer)

    @property
    def has_output(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._buffer or self._log.for_mail_server)

    def write(self, replies: list[bytes]) -> None:
        """Take all replies out of the list, and write what the mail server takes."""
        self._log.flush()
        if replies:
            self._buffer += b"".join(replies)
            replies.clear()
        if len(self._buffer) + len(self._log.for_mail_server) <= _PIECE:
            self._buffer += self._log.take_for_mail_server()
        if self._buffer:
            self._write()
        if self._log.for_mail_server and not self._buffer:
            self._buffer += self._log.take_for_mail_server()
            self._write()
        if not self._buffer and not self.is_closed:
            self._on_written()
        if not self.is_closed:
            self._poller.register(self._output, WRITE if self._buffer else 0, self._on_events)

    def stop(self) -> None:
        """Wait no longer for the mail server to read."""
        self._poller.unregister(self._output)

    def _write(self) -> None:
        """Write whole lines, as many as the reader takes."""
        while self._buffer and not self.is_closed and self._ready.poll(0):
            end = len(self._buffer) if len(self._buffer) <= _PIECE else self._buffer.rindex(b"\n", 0, _PIECE) + 1
            try:
                written = self._write_now(memoryview(self._buffer)[:end])
            except BlockingIOError:
                return
            except OSError:
                self.is_closed = True
                return
            del self._buffer[:written]

    def _on_events(self, events: int) -> None:
        if events & HUNG_UP:
            self.is_closed = True

"""A program's output to lines, in bounded memory."""

from __future__ import annotations

from extauth.harness.events import Received
from extauth.protocol.replies import MAX_REPLY


class Splitter:
    """Cuts output into lines that end with LF or CRLF; of each it keeps no more than a reply may have."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, to be given to `received`."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()[:MAX_REPLY]
        return lines

    def feed(self, at: float, chunk: bytes) -> list[Received]:
        """The lines that `chunk` completes."""
        return [received(at, line) for line in self.split(chunk)]

    def finish(self, at: float) -> list[Received]:
        """What stands behind the last end of line, when no more will come."""
        rest, self._rest = self._rest, b""
        return [received(at, rest, terminated=False)] if rest else []


def received(at: float, line: bytes, *, terminated: bool = True) -> Received:
    """The event that `line` is."""
    overlong = len(line) + 1 > MAX_REPLY
    return Received(at, line[:MAX_REPLY].removesuffix(b"\r"), terminated, overlong)

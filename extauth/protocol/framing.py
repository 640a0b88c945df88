"""Cut chunks of bytes into lines: docs/protocol.md, section 2."""

from __future__ import annotations

import msgspec

MAX_REQUEST = 65_536
"""The highest number of bytes in a request line, without its end of line."""


class OverlongLine(msgspec.Struct, frozen=True):
    """A line over `MAX_REQUEST` bytes. Only its head is kept, which is enough to find its sequence number."""

    head: bytes


Line = bytes | OverlongLine

_HEAD = 128


class Framer:
    """Cuts a stream into lines that end with LF or CRLF. It holds one unfinished line of bounded length."""

    def __init__(self) -> None:
        self._rest = b""
        self._overlong: OverlongLine | None = None

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that `chunk` completes, without their ends."""
        if self._overlong is not None:
            _, newline, chunk = chunk.partition(b"\n")
            if not newline:
                return []
            overlong, self._overlong = self._overlong, None
            return [overlong, *self.feed(chunk)]
        data = self._rest + chunk
        lines: list[Line] = data.split(b"\n")  # type: ignore[assignment]  # list is invariant
        self._rest = lines.pop()  # type: ignore[assignment]  # split returns only bytes
        if len(data) > MAX_REQUEST or b"\r" in data:
            lines = [self._checked(line) for line in lines if isinstance(line, bytes)]
        if len(self._rest) > MAX_REQUEST + 1:
            self._overlong = OverlongLine(self._rest[:_HEAD])
            self._rest = b""
        return lines

    def finish(self) -> list[Line]:
        """Return the last line if it has no end of line, at the end of the stream."""
        rest, self._rest = self._rest, b""
        overlong, self._overlong = self._overlong, None
        if overlong is not None:
            return [overlong]
        return [self._checked(rest)] if rest else []

    @staticmethod
    def _checked(line: bytes) -> Line:
        line = line.removesuffix(b"\r")
        return line if len(line) <= MAX_REQUEST else OverlongLine(line[:_HEAD])

"""Lines of a program: cut from its output, and the parts that the harness reads (docs/protocol.md, section 2)."""

from __future__ import annotations

import re

from extauth.harness.events import LineReceived
from extauth.protocol.replies import MAX_REPLY

NUMBER = rb"[A-Za-z0-9._-]{1,64}"
STATUSES = (b"OK", b"ERROR", b"FAILURE", b"INTF", b"PLAIN")
"""The first words of all valid replies."""

_NUMBER = re.compile(NUMBER + rb"(?= |\r?\Z)")
_INTERFACE = re.compile(NUMBER + rb" INTF [0-9]+\r?")


def number_of(line: bytes) -> bytes | None:
    """Return the sequence number at the start of a request or reply, or None."""
    match = _NUMBER.match(line)
    return match[0] if match else None


def is_information(line: bytes) -> bool:
    """Return whether `line` is an information line for the Server Log."""
    return line.startswith(b"* ")


def is_interface_request(line: bytes) -> bool:
    """Return whether `line` is an INTF request, which selects the helper dialect."""
    return _INTERFACE.fullmatch(line) is not None


class LineSplitter:
    """Split output into lines that end with LF or CRLF. Memory is bounded: it keeps MAX_REPLY bytes of a line."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, as input for `received`."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()[:MAX_REPLY]
        return lines

    def feed(self, at: float, chunk: bytes) -> list[LineReceived]:
        """Return the lines that `chunk` completes, as events."""
        return [received(at, line) for line in self.split(chunk)]

    def finish(self, at: float) -> list[LineReceived]:
        """Return the unterminated last line at the end of the output, if there is one."""
        rest, self._rest = self._rest, b""
        return [received(at, rest, terminated=False)] if rest else []


def received(at: float, line: bytes, *, terminated: bool = True) -> LineReceived:
    """Return the event for a line from `LineSplitter.split`."""
    overlong = len(line) + 1 > MAX_REPLY
    return LineReceived(at, line[:MAX_REPLY].removesuffix(b"\r"), terminated, overlong)

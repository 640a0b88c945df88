"""What the harness reads in a line by itself (docs/protocol.md, section 2)."""

from __future__ import annotations

import re

NUMBER = rb"[A-Za-z0-9._-]{1,64}"
STATUSES = (b"OK", b"ERROR", b"FAILURE", b"INTF", b"PLAIN")
"""The first words of the replies that the server knows."""

_NUMBER = re.compile(NUMBER + rb"(?= |\r?\Z)")
_INTERFACE = re.compile(NUMBER + rb" INTF [0-9]+\r?")


def number_of(line: bytes) -> bytes | None:
    """The sequence number that `line`, a request or a reply, begins with; None where it has none."""
    match = _NUMBER.match(line)
    return match[0] if match else None


def is_information(line: bytes) -> bool:
    """Whether `line` is for the Server Log and answers nothing."""
    return line.startswith(b"* ")


def is_interface_request(line: bytes) -> bool:
    """Whether `line` asks for the helper dialect."""
    return _INTERFACE.fullmatch(line) is not None

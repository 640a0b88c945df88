"""The two things the harness reads in a line by itself (docs/protocol.md, section 2)."""

from __future__ import annotations

import re

NUMBER = rb"[A-Za-z0-9._-]{1,64}"

_NUMBER = re.compile(NUMBER + rb"(?= |\r?\Z)")


def number_of(line: bytes) -> bytes | None:
    """The sequence number that `line`, a request or a reply, begins with; None where it has none."""
    match = _NUMBER.match(line)
    return match[0] if match else None


def is_information(line: bytes) -> bool:
    """Whether `line` is for the Server Log and answers nothing."""
    return line.startswith(b"* ")

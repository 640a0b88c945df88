"""`format = "plain"`: `name@domain:hash` or `name:hash`, the hash reaching to the end of the line, as in htpasswd."""

from __future__ import annotations

from collections.abc import Sequence

from extauth.backends.files.entry import BadLine, Column, Entry, text


def parse(line: bytes) -> tuple[str, Entry]:
    """The address and the stored password of a line. Raises BadLine."""
    address, colon, stored = line.partition(b":")
    if not colon:
        raise BadLine("has no colon")
    return text(address), stored


def columns(lines: Sequence[bytes]) -> tuple[Column, Column]:
    """The addresses and the stored passwords of usual lines. Raises ValueError where one has no colon."""
    addresses, stored = zip(*[line.split(b":", 1) for line in lines], strict=True)
    return addresses, stored

"""`format = "plain"`: `name@domain:hash` or `name:hash`, the hash reaching to the end of the line, as in htpasswd."""

from __future__ import annotations

from extauth.backends.files.entry import BadLine, Entry, text


def parse(line: bytes) -> tuple[str, Entry]:
    """The address and the stored password of a line. Raises BadLine."""
    address, colon, stored = line.partition(b":")
    if not colon:
        raise BadLine("has no colon")
    return text(address), stored

"""Descriptors 0, 1 and 2 belong to the mail server: no library may read, write or close them (docs/protocol.md, 2)."""

from __future__ import annotations

import fcntl
import os

import msgspec

_OUT_OF_THE_WAY = 10


class Standard(msgspec.Struct, frozen=True):
    """Where standard input, output and error have been moved to."""

    input: int
    output: int
    error: int


def move_standard_descriptors() -> Standard:
    """Move 0, 1 and 2 away; in their place stands /dev/null, so that no socket ever takes their numbers."""
    moved = Standard(*(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY) for number in (0, 1, 2)))
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    return moved

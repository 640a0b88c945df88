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
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    moved = []
    for number in (0, 1, 2):
        try:
            moved.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY))
        except OSError:  # we were started without it
            moved.append(fcntl.fcntl(nothing, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY))
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    if nothing > 2:
        os.close(nothing)
    return Standard(*moved)

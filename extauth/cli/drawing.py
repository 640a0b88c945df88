"""Trees of text, drawn with lines if standard output can show them."""

from __future__ import annotations

import sys


def drawn(branches: list[list[str]]) -> list[str]:
    """Return the lines of a tree. Each branch is its first line and the lines below it."""
    middle, last, along = "├─ ", "└─ ", "│  "
    try:
        (middle + last + along).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        middle, last, along = "|- ", "`- ", "|  "
    lines = []
    for index, (first, *others) in enumerate(branches):
        is_last = index == len(branches) - 1
        lines += [
            (last if is_last else middle) + first,
            *[("   " if is_last else along) + "  " + line for line in others],
        ]
    return lines

"""A bare line loop in Python, which looks at no password: what no such program in Python goes below.

It speaks the mail server's dialect and answers OK to everything.
"""

from __future__ import annotations

import sys

from benchmarks.peers.ours import MailServerDialect
from benchmarks.peers.peer import PipePeer

_PROGRAM = """\
import sys
read, write, flush = sys.stdin.buffer.readline, sys.stdout.buffer.write, sys.stdout.buffer.flush
while line := read():
    write(line.split(b" ", 1)[0] + b" OK\\n")
    flush()
"""


def line_loop() -> PipePeer:
    """The loop, with a write for each answer."""
    return PipePeer("line loop, Python", MailServerDialect(), [sys.executable, "-S", "-E", "-c", _PROGRAM])

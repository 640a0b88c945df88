"""Starts a keeper, with the code that this process has in memory.

The keepers of later generations thus have that of the first, whatever has been installed meanwhile.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec

from extauth.config import Config
from extauth.workers.process_tree import become_child, die_with_parent
from extauth.workers.supervisor import Supervisor

_NICENESS = 5  # so that the front process, that answers from memory, is not kept waiting by those that compute


class SupervisorProcess(msgspec.Struct, frozen=True):
    """Its process id, and the socket to talk to it."""

    pid: int
    socket: socket.socket


def start_supervisor(config: Config, before: frozenset[Path] = frozenset()) -> SupervisorProcess:
    """Fork a keeper for `config`; `before`: files that were seen earlier. Raises OSError."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child:
        theirs.close()
        return SupervisorProcess(child, ours)
    try:
        become_child([theirs.fileno()], niceness=_NICENESS)
        die_with_parent(parent)  # a backend's code may hang while it loads
        Supervisor(theirs).run(config, before, parent)
    finally:
        os._exit(1)

"""Fork a child process, with a socket between it and this process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import msgspec

from extauth.workers.process_tree import become_child, die_with_parent, set_process_title


class ChildProcess(msgspec.Struct, frozen=True):
    """A child's process id, and the socket to it."""

    pid: int
    socket: socket.socket


def start_child(
    name: str, run: Callable[[socket.socket], object], *, dies_with_parent: bool, niceness: int = 0
) -> ChildProcess:
    """Fork a process that `ps` shows as `extauth: NAME`. It calls `run` with its end of the socket, then ends.

    `dies_with_parent`: the kernel kills it when this process ends. Otherwise it must end when the socket closes.
    Raise OSError if no process can be started.

    A fork keeps the code that this process has in memory: the child runs the same code, even if another version has
    been installed meanwhile.
    """
    parent = os.getpid()
    ours, theirs = socket.socketpair()
    try:
        child = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if child:
        theirs.close()
        return ChildProcess(child, ours)
    try:
        become_child([theirs.fileno()], niceness=niceness)
        if dies_with_parent:
            die_with_parent(parent)
        set_process_title(f"extauth: {name}")
        run(theirs)
    finally:
        os._exit(1)

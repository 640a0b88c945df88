"""Processes: forked with a socket, named, and ended. None outlives its parent, even if it hangs (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import msgspec

from extauth.workers.process_setup import close_descriptors, prctl

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def set_process_title(title: str) -> None:
    """Show this title in `ps`. Only the memory of the arguments is used: libraries may point into the environment."""
    os.environ["SPT_NOENV"] = "1"  # read by setproctitle when it is imported
    from setproctitle import setproctitle

    setproctitle(title)


def die_with_parent(parent: int, *, enabled: bool = True) -> None:
    """Let the kernel kill this process when `parent` ends, or no longer. Exit now if the parent has already ended."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if enabled else 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent dies, so that `kill_children` reaches it."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Return the process ids of this process's children."""
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended
            found += map(int, (thread / "children").read_text().split())
    return found


def kill_children(spare: Collection[int] = (), *, within: float = 0.3) -> None:
    """Kill and reap all children except `spare`, adopted ones too, in at most `within` seconds."""
    until = time.monotonic() + within
    while kill_and_reap(spare) and time.monotonic() < until:
        time.sleep(0.001)


def kill_and_reap(spare: Collection[int] = ()) -> bool:
    """Kill all children except `spare`, and reap those that have ended. Do not wait.

    Return whether to call it again: a killed child takes time to end, and this process may then adopt its children. A
    child that waits for a disk does not end before the disk answers.
    """
    found = False
    for process in set(children()).difference(spare):
        with contextlib.suppress(PermissionError):  # it runs as another user now
            os.kill(process, signal.SIGKILL)
            found = True
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, os.WNOHANG)
    return found


def kill_group(process: int, parents: Collection[int]) -> None:
    """Kill a process and its process group, if one of `parents` is still its parent.

    Otherwise the process has ended, and its number may belong to another one.
    """
    with contextlib.suppress(OSError):
        if parent_of(process) in parents:
            os.kill(process, signal.SIGKILL)  # it may be too young to have a group
            os.killpg(process, signal.SIGKILL)


def parent_of(process: int) -> int:
    """Return the process id of a process's parent. Raise OSError if the process has ended."""
    return int(Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[1])


def become_child(keep: Iterable[int], *, niceness: int = 0) -> None:
    """Do what every child does first: ignore the parent's signals, and close every descriptor except `keep`."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the frontend decides; programs that are executed get the default back
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    close_descriptors({0, 1, 2, *keep})
    if niceness:
        os.nice(niceness)


def ended_child() -> os.waitid_result | None:
    """Return a child that has ended, without reaping it."""
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return None


def how_it_ended(child: os.waitid_result) -> str:
    """Say for the log how a process ended."""
    if child.si_code == os.CLD_EXITED:
        return f"ended with status {child.si_status}"
    try:
        return f"was killed by {signal.Signals(child.si_status).name}"
    except ValueError:  # real-time signals have no name
        return f"was killed by signal {child.si_status}"


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

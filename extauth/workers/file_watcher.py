"""The process that looks at the files of a generation. A file system that hangs stops this process and no other one."""

from __future__ import annotations

import select
import socket
import time

from extauth.backends.context import SeenFiles
from extauth.protocol.replies import one_line
from extauth.workers.child_process import start_child
from extauth.workers.file_watch import FileWatch
from extauth.workers.messages import FilesChanged, InvalidMessage, MessageReader, encode, receive

_START_AFTER = 0.2  # seconds: the first workers are more urgent
_RESTART_AFTER = 1.0  # seconds from one start to the next one, if the process dies


class FileWatcher:
    """The file watcher, as the supervisor sees it. It is started again if it dies, and left alone if it hangs."""

    def __init__(self, seen: SeenFiles) -> None:
        self._seen = seen
        self._socket: socket.socket | None = None
        self._reader = MessageReader(FilesChanged)
        self._next_start = time.monotonic() + _START_AFTER

    @property
    def descriptor(self) -> int | None:
        """The descriptor that is readable when there is news; None while there is no process."""
        return None if self._socket is None else self._socket.fileno()

    def start_if_missing(self) -> None:
        """Start the process if there is none and the time has come. Raise OSError."""
        now = time.monotonic()
        if self._socket is not None or now < self._next_start:
            return
        self._next_start = now + _RESTART_AFTER
        seen = self._seen
        self._socket = start_child("file watcher", lambda sock: _watch(seen, sock), dies_with_parent=True).socket
        self._reader = MessageReader(FilesChanged)

    def receive(self) -> list[FilesChanged]:
        """Return what has come. Call it when the descriptor is readable. Afterwards there may be no process."""
        assert self._socket is not None
        try:
            messages = receive(self._socket, self._reader, socket.MSG_DONTWAIT)
        except InvalidMessage:
            messages = None
        if messages is None:
            self._socket.close()
            self._socket = None
        return messages or []


def _watch(seen: SeenFiles, sock: socket.socket) -> None:
    """Look at the files until the supervisor ends."""
    watch = FileWatch()
    watch.start(seen)
    end = select.poll()
    end.register(sock, select.POLLIN)
    while not end.poll(1000 * max(0.0, watch.next_look - time.monotonic())):
        if changed := watch.changed():
            watch.restart()  # a configuration that is refused is tried again only after the next change
            sock.sendall(encode(FilesChanged([one_line(str(path)) for path in changed])))

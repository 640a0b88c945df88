"""The process that looks for changed files of a generation. A file system that hangs stops no other process."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

import msgspec

from extauth.backends.context import SeenFiles
from extauth.protocol.replies import one_line
from extauth.trust import Signature, signature
from extauth.workers.messages import FilesChanged, InvalidMessage, MessageReader, encode, receive
from extauth.workers.process_tree import start_child

_INTERVAL = 0.25  # seconds between two looks
_REPLACED_RESTS = 0.2  # seconds without a change after which a file that replaced another one is read
_WRITTEN_RESTS = 1.0  # the same for a file that another program may still be writing
_REPLACED_LIMIT = 10.0  # seconds after which a file that never rests is read all the same, and the others with it
_WRITTEN_LIMIT = 60.0  # the same for a file that is edited in place, which may be half-written
_TIME_SHARE = 0.02  # of this process's time that looking may take, for any number of files
_START_AFTER = 0.2  # seconds: the first workers are more urgent
_RESTART_AFTER = 1.0  # seconds from one start to the next one, if the process dies


class ChangingFile(msgspec.Struct):
    """A file that differs from what was loaded: its signature, since when, and when that began (monotonic seconds).

    `is_replaced`: another file was put in its place at least once.
    """

    signature: Signature | None
    since: float
    first: float
    is_replaced: bool = False
    rests_after: float = _WRITTEN_RESTS

    def look(self, current: Signature | None, now: float) -> bool:
        """Take the signature that the file has now. Return whether it rests, or has changed for long enough."""
        if self.signature != current:
            replaced = self.signature is not None and current is not None and self.signature[:2] != current[:2]
            self.rests_after = _REPLACED_RESTS if replaced else _WRITTEN_RESTS
            self.is_replaced |= replaced or (current is not None and _was_moved(current))
            self.signature, self.since = current, now
        limit = _REPLACED_LIMIT if self.is_replaced else _WRITTEN_LIMIT
        return now - self.since >= self.rests_after or now - self.first >= limit


class FileWatch:
    """Looks at files and folders at intervals. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: SeenFiles = {}
        self._changing: dict[Path, ChangingFile] = {}
        self._held_since: float | None = None
        self.next_look = 0.0

    def start(self, seen: SeenFiles) -> None:
        """Watch these files, which had these signatures when they were read."""
        self._known = seen
        self._changing = {}
        self._held_since = None

    def restart(self) -> None:
        """Watch for changes from now on."""
        self.start({path: signature(path) for path in self._known})

    def changed(self) -> list[Path]:
        """If it is time to look, return the files that have changed and are no longer being written."""
        now = time.monotonic()
        if now < self.next_look:
            return []
        changed = [path for path, known in self._known.items() if self._has_changed(path, known, now)]
        if not changed or len(changed) == len(self._changing):
            self._held_since = None
        else:  # a reload reads all files, so wait while one of them may be half-written
            self._held_since = self._held_since or now
            if now - self._held_since < _REPLACED_LIMIT:
                changed = []
        self.next_look = now + max(_INTERVAL, (time.monotonic() - now) / _TIME_SHARE)
        return changed

    def _has_changed(self, path: Path, known: Signature | None, now: float) -> bool:
        current = signature(path)
        if current == known:
            self._changing.pop(path, None)
            return False
        return self._changing.setdefault(path, ChangingFile(known, now, now)).look(current, now)


def _was_moved(signature: Signature) -> bool:
    """Return whether the file was moved after it was written. The inode cannot tell: its number may be reused."""
    *_, mtime, ctime = signature
    return mtime != ctime


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

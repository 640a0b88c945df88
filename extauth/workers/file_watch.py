"""Have the files changed that the running generation was made from?"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from extauth.backends.base import SeenFiles
from extauth.trust import Signature, signature

_INTERVAL = 0.25  # seconds between two looks
_SETTLED_AFTER = 0.2  # seconds that a file put in the place of another must stay as it is
_WRITTEN_AFTER = 1.0  # ... and one that somebody may still be writing
_AT_LAST = 10.0  # seconds after which one that never rests is waited for no longer, nor are the others for it
_WRITTEN_AT_LAST = 60.0  # ... where no other one is put in its place, so that it may well be half-written
_SHARE = 0.02  # of our time that looking may take, however many files there are


class Changing(msgspec.Struct):
    """A file that is not what it was: what it is, since when, and when that began (monotonic seconds).

    `is_replaced`: another one was put in its place once at least.
    """

    signature: Signature | None
    since: float
    first: float
    is_replaced: bool = False
    rests_in: float = _WRITTEN_AFTER


class FileWatch:
    """Looks at files and folders now and then; times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: SeenFiles = {}
        self._changing: dict[Path, Changing] = {}
        self._held_since: float | None = None
        self.next_look = 0.0

    def start(self, seen: SeenFiles) -> None:
        """Watch these, that were last seen so."""
        self._known = seen
        self._changing = {}
        self._held_since = None

    def restart(self) -> None:
        """Watch for what changes from now on."""
        self.start({path: signature(path) for path in self._known})

    def changed(self) -> list[Path]:
        """What has changed and is no longer being written, when it is time to look."""
        now = time.monotonic()
        if now < self.next_look:
            return []
        changed = [path for path, known in self._known.items() if self._has_changed(path, known, now)]
        if not changed or len(changed) == len(self._changing):
            self._held_since = None
        else:  # all are read when one is, so none is while one of them may be half-written
            self._held_since = self._held_since or now
            if now - self._held_since < _AT_LAST:
                changed = []
        self.next_look = now + max(_INTERVAL, (time.monotonic() - now) / _SHARE)
        return changed

    def _has_changed(self, path: Path, known: Signature | None, now: float) -> bool:
        current = signature(path)
        if current == known:
            self._changing.pop(path, None)
            return False
        last = self._changing.setdefault(path, Changing(known, now, now))
        if last.signature != current:
            replaced = last.signature is not None and current is not None and last.signature[:2] != current[:2]
            last.rests_in = _SETTLED_AFTER if replaced else _WRITTEN_AFTER
            last.is_replaced |= replaced or (current is not None and _was_moved(current))
            last.signature, last.since = current, now
        at_last = _AT_LAST if last.is_replaced else _WRITTEN_AT_LAST
        return now - last.since >= last.rests_in or now - last.first >= at_last


def _was_moved(signature: Signature) -> bool:
    """Whether it was moved, or the like, since it was written: its inode says so little, since numbers come again."""
    *_, mtime, ctime = signature
    return mtime != ctime

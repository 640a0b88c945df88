"""Have the files changed that the running generation was made from?"""

from __future__ import annotations

import time
from pathlib import Path

from extauth.backend import Seen
from extauth.trust import Signature, signature

_INTERVAL = 0.25  # seconds between two looks
_SETTLED_AFTER = 0.2  # seconds that a file put in the place of another must stay as it is
_WRITTEN_AFTER = 1.0  # ... and one that somebody may still be writing
_AT_LAST = 10.0  # seconds after which one that never rests keeps the others from being read no longer
_SHARE = 0.02  # of our time that looking may take, however many files there are


class FileWatch:
    """Looks at files and folders now and then; times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: Seen = {}
        self._changing: dict[Path, tuple[Signature | None, float]] = {}
        self._held_since: float | None = None
        self.next_look = 0.0

    def start(self, seen: Seen) -> None:
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
        last = self._changing.get(path)
        if last is None or last[0] != current:
            self._changing[path] = (current, now)
            return False
        replaced = known is not None and current is not None and known[:2] != current[:2]
        return now - last[1] >= (_SETTLED_AFTER if replaced else _WRITTEN_AFTER)

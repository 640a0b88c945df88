"""How the metrics leave: over HTTP (`metrics.listen`), and in a file for node_exporter (`metrics.textfile`)."""

from __future__ import annotations

import contextlib
import math
import threading
from pathlib import Path

from extauth.config import MetricsSettings
from extauth.trust import replace_file, signature
from extauth.workers.metrics import SnapshotCollector
from extauth.workers.status_messages import Snapshot

_MODE = 0o644
_INTERVAL = 15.0  # seconds between two versions of the textfile
_SHARED = "another program writes this file, too; set a file of its own for each helper"


class MetricsExport:
    """Exports the metrics as configured. Without `[metrics]` it imports nothing and does nothing."""

    def __init__(self, settings: MetricsSettings) -> None:
        self._address = settings.address
        self._collector = SnapshotCollector()
        self._listens = False
        self._textfile = None
        if settings.textfile is not None:
            self._textfile = _Textfile(self._collector, settings.textfile)
        self.next_write = math.inf

    def take(self, snapshot: Snapshot) -> None:
        """Export this snapshot from now on."""
        is_first = self._collector.snapshot is None
        self._collector.snapshot = snapshot
        if is_first and self._textfile is not None:
            self.next_write = 0.0

    def listen(self) -> None:
        """Listen, unless it listens already. A thread serves the requests. Raise OSError."""
        if self._address is not None and not self._listens:
            from extauth.workers.metrics_server import start_metrics_server

            start_metrics_server(self._address, self._collector)
            self._listens = True

    def write(self, now: float) -> None:
        """Let the textfile be written if it is time."""
        if self._textfile is not None and now >= self.next_write:
            self.next_write = now + _INTERVAL
            self._textfile.write()

    def problem(self) -> str:
        """Return why the textfile cannot be written; empty if it can."""
        return "" if self._textfile is None else self._textfile.problem

    def remove(self) -> None:
        """Remove the textfile: the helper ends, so its numbers are old."""
        if self._textfile is not None:
            self._textfile.remove()


class _Textfile:
    """Writes the metrics into a file, in a thread: its disk may hang."""

    def __init__(self, collector: SnapshotCollector, path: Path) -> None:
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._path = path
        self.problem = ""
        self._wanted = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def write(self) -> None:
        """Let the thread write the file."""
        self._wanted.set()

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _run(self) -> None:
        from prometheus_client import generate_latest

        own = None
        while self._wanted.wait():
            self._wanted.clear()
            found = _inode(self._path)
            is_shared = own is not None and found not in (None, own)
            try:
                replace_file(self._path, generate_latest(self._registry), _MODE)
            except OSError as error:
                self.problem = f"{self._path}: {error.strerror}; the metrics there are old"
            else:
                own = _inode(self._path)
                self.problem = f"{self._path}: {_SHARED}" if is_shared else ""


def _inode(path: Path) -> tuple[int, int] | None:
    """Return which file this is. Each writer replaces it by a new one. None: there is none."""
    found = signature(path)
    return None if found is None else found[:2]

"""An administrator and a Prometheus that ask the status server all the time, in a thread."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import traceback
import urllib.request
from collections import Counter
from pathlib import Path

from extauth.cli.running import HelperSilent, ask
from extauth.model import Secret
from extauth.workers.messages import encode
from extauth.workers.status_messages import (
    ReloadDone,
    ReloadWanted,
    StatusReport,
    StatusWanted,
    VerifyDone,
    VerifyWanted,
)
from tests.soak.traffic import INCORRECT, OK, TEMPORARY

_PAUSE = 0.02  # seconds between two requests
_WITHIN = 15.0  # seconds for an answer
_METRICS_WITHIN = 5.0  # seconds

# what it does, and how often
_KINDS = {"status": 60, "verify": 20, "metrics": 10, "leave": 5, "nonsense": 3, "stay": 2, "reload": 1}


class Administrator:
    """Asks the helper whose status socket is `path`, until it is ended. No answer may be wrong; some do not come."""

    def __init__(self, seed: int, path: Path, metrics_port: int) -> None:
        self._random = random.Random(seed)  # chooses requests, not secrets
        self._path = path
        self._metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        self._replies = 0
        self._stay: list[socket.socket] = []
        self._ends = threading.Event()
        self._problem = ""
        self.done: Counter[str] = Counter()
        self.verified = 0
        """Logins that were checked: at most so many. The helper counts them like those of the mail server."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises AssertionError if an answer was wrong."""
        assert not self._problem, self._problem

    def end(self) -> None:
        """Ask no more."""
        self._ends.set()
        self._thread.join()
        for connection in self._stay:
            connection.close()
        self.check()

    def status(self) -> StatusReport:
        """Return the status."""
        report = ask(self._path, StatusWanted(), _WITHIN)
        assert isinstance(report, StatusReport)
        assert report.snapshot.replies >= self._replies, f"{report.snapshot.replies} replies after {self._replies}"
        self._replies = report.snapshot.replies
        return report

    def metrics(self) -> str:
        """Return the metrics."""
        with urllib.request.urlopen(self._metrics, timeout=_METRICS_WITHIN) as response:  # noqa: S310  # it is HTTP
            text: str = response.read().decode()
        assert "extauth_requests_total" in text, text
        return text

    def _run(self) -> None:
        try:
            while not self._ends.wait(_PAUSE):
                kind = self._random.choices(list(_KINDS), list(_KINDS.values()))[0]
                try:
                    self._do(kind)
                except (HelperSilent, OSError):  # the status server is dead or hangs
                    self.done[f"{kind} without an answer"] += 1
                else:
                    self.done[kind] += 1
        except Exception:  # noqa: BLE001  # the main thread raises it
            self._problem = traceback.format_exc()

    def _do(self, kind: str) -> None:
        match kind:
            case "status":
                self.status()
            case "verify":
                self._verify()
            case "metrics":
                self.metrics()
            case "reload":
                assert isinstance(ask(self._path, ReloadWanted(), _WITHIN), ReloadDone)
            case "leave":
                self._connect(encode(StatusWanted())).close()
            case "nonsense":
                with self._connect(b"GET / HTTP/1.0\r\n\r\n") as connection, contextlib.suppress(ConnectionError):
                    assert connection.recv(1) == b""
            case "stay":
                self._stay.append(self._connect(b""))
                if len(self._stay) > 10:
                    self._stay.pop(0).close()

    def _verify(self) -> None:
        name, password, allowed = self._random.choice(
            [("plugin1@plugin.example", b"open", OK), ("nobody@files.example", b"pw0", INCORRECT)]
        )
        self.verified += 1
        answer = ask(self._path, VerifyWanted(name, Secret(password)), _WITHIN)
        assert isinstance(answer, VerifyDone)
        assert answer.account == name
        assert answer.reply.encode() in (allowed, TEMPORARY), answer

    def _connect(self, data: bytes) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_WITHIN)
        try:
            connection.connect(str(self._path))
            connection.sendall(data)
        except OSError:
            connection.close()
            raise
        return connection

"""What `extauth status` shows, the messages between frontend, status server and its clients, and the server's start.

Times are seconds. `..._time` is Unix time for people; `now` and `started` are monotonic, the same for all processes.
"""

# Without "from __future__ import annotations": msgspec would compile each annotation, which delays the first reply.

import os
import socket
from pathlib import Path
from typing import NoReturn

import msgspec

from extauth.config import MetricsSettings
from extauth.model import Secret
from extauth.workers.process_tree import ChildProcess, start_child

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the times that are counted together. Longer times are counted in one bucket more."""


class StatusSettings(msgspec.Struct, frozen=True):
    """What the status server needs to know of the configuration."""

    config_file: Path
    run_directory: Path | None
    pid_file: Path | None
    metrics: MetricsSettings


# --- the status of a helper ---------------------------------------------------------------------------


class BackendStatus(msgspec.Struct, frozen=True):
    """A backend: calls by verdict. `failing_time`: since when it has only had temporary failures, if so."""

    name: str
    verdicts: dict[str, int]
    failing_time: float | None = None
    last_error: str = ""
    last_error_time: float | None = None


class WorkerStatus(msgspec.Struct, frozen=True):
    """A worker: its state (`WorkerState`), and how many requests it has. `pid`: None until it has been forked."""

    number: int
    pid: int | None
    state: str
    requests: int


class CacheStatus(msgspec.Struct, frozen=True):
    """Requests that the cache answered, that waited for an equal check, and that went to a backend."""

    hits: int
    shared: int
    misses: int


class ThrottleStatus(msgspec.Struct, frozen=True):
    """Requests that were delayed, that were refused because too many waited, and that wait now."""

    delayed: int
    refused: int
    waiting: int


class HandoverStatus(msgspec.Struct, frozen=True):
    """Passwords that were set in the mail server, that could not be set, that were dropped, and that wait now."""

    done: int
    failed: int
    dropped: int
    waiting: int


class ReloadStatus(msgspec.Struct, frozen=True):
    """Reloads since the start. `last_error`: why the last one failed; empty if it did not."""

    done: int = 0
    failed: int = 0
    last_time: float | None = None
    last_error: str = ""


class Snapshot(msgspec.Struct, frozen=True, tag=0):
    """Frontend to status server: all counters at one moment. `requests`: by command, then by verdict.

    `refused`: lines that were no valid request. `buckets`: how many replies took how long (BUCKETS); `seconds`: all
    times together.
    """

    now: float
    started: float
    start_time: float
    state: str
    waiting: int
    requests: dict[str, dict[str, int]]
    refused: int
    buckets: list[int]
    seconds: float
    workers: list[WorkerStatus]
    worker_restarts: int
    reloads: ReloadStatus
    backends: list[BackendStatus]
    cache: CacheStatus | None
    throttle: ThrottleStatus | None
    handover: HandoverStatus | None = None

    @property
    def replies(self) -> int:
        """How many replies there were, lines that were no valid request included."""
        return sum(sum(verdicts.values()) for verdicts in self.requests.values()) + self.refused

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self.now - self.started


# --- requests of clients ------------------------------------------------------------------------------


class StatusWanted(msgspec.Struct, frozen=True, tag=0):
    """Client to status server: send a StatusReport. Also status server to frontend: send a Snapshot now."""


class ReloadWanted(msgspec.Struct, frozen=True, tag=1):
    """Client to status server to frontend: reload. `client`: a number that comes back with the answer."""

    client: int = 0


class VerifyWanted(msgspec.Struct, frozen=True, tag=2):
    """Client to status server to frontend: check a login as one of the mail server.

    `secret`: the password, or with a `mechanism` the response to `challenge`.
    """

    address: str
    secret: Secret
    mechanism: str = ""
    challenge: Secret = Secret(b"")
    client: int = 0


FromClient = StatusWanted | ReloadWanted | VerifyWanted


class StatusReport(msgspec.Struct, frozen=True, tag=0):
    """Status server to client: the status. `rates`: replies per second in the last 1, 5 and 15 minutes.

    `percentiles`: seconds until the reply in the last 5 minutes, by percentile; empty without replies. `problems`: what
    the status server cannot do, and why.
    """

    version: str
    pid: int
    config_file: str
    snapshot: Snapshot
    rates: list[float]
    percentiles: dict[str, float]
    problems: list[str]


class ReloadDone(msgspec.Struct, frozen=True, tag=1):
    """Frontend to status server to client: the reload is over. `problem`: why it failed. `summary`: what is served."""

    client: int
    problem: str
    summary: str


class BackendAnswer(msgspec.Struct, frozen=True):
    """What one backend said about a login, for `extauth verify --running`."""

    backend: str
    verdict: str
    reason: str
    seconds: float | None


class VerifyDone(msgspec.Struct, frozen=True, tag=2):
    """Frontend to status server to client: the result of a login, as the mail server would get and log it."""

    client: int
    account: str
    verdict: str
    reply: str
    backend: str
    reason: str
    from_cache: bool
    seconds: float
    asked: list[BackendAnswer]


ToClient = StatusReport | ReloadDone | VerifyDone


# --- between frontend and status server ---------------------------------------------------------------


class SnapshotTaken(msgspec.Struct, frozen=True, tag=3):
    """Status server to frontend: it has read the last Snapshot, so it does not hang."""


class StatusNotice(msgspec.Struct, frozen=True, tag=4):
    """Status server to frontend: a record for the log. `is_problem`: something does not work, or it works again."""

    text: str
    is_problem: bool


FromStatusServer = StatusWanted | ReloadWanted | VerifyWanted | SnapshotTaken | StatusNotice
ToStatusServer = Snapshot | ReloadDone | VerifyDone


def start_status_server(settings: StatusSettings) -> ChildProcess:
    """Fork a status server. Raise OSError."""
    frontend = os.getpid()

    def run(sock: socket.socket) -> NoReturn:
        from extauth.workers.status_server import StatusServer  # here: the frontend needs none of this

        StatusServer(sock, settings, frontend).run()

    return start_child("status server", run, dies_with_parent=False)

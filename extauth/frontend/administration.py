"""What an administrator may ask a running helper: its status, a reload, the check of a login, a summary in the log."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

from extauth.errors import MalformedRequest
from extauth.frontend.counters import Event, name_of, outcome_of
from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.frontend.pending_requests import PendingRequest
from extauth.frontend.request_handler import RequestHandler
from extauth.frontend.states import FrontendState
from extauth.frontend.status_connection import SendAnswer, StatusConnection
from extauth.frontend.worker_pool import WorkerPool
from extauth.log_levels import Level
from extauth.model import Result
from extauth.version import VERSION
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.status_messages import (
    BackendAnswer,
    CacheStatus,
    ReloadDone,
    ReloadWanted,
    Snapshot,
    StatusSettings,
    ThrottleStatus,
    VerifyDone,
    VerifyWanted,
)


class Administration:
    """Answers the status server, and writes summaries."""

    def __init__(self, config_file: Path, poller: Poller, log: Log, handler: RequestHandler, pool: WorkerPool) -> None:
        self._config_file = config_file
        self._log = log
        self._handler = handler
        self._pool = pool
        self._started, self._start_time = time.monotonic(), time.time()
        self._state = FrontendState.STARTING
        self._config: FrontendConfig | None = None
        self._connection = StatusConnection(poller, log, self._snapshot, self._on_request)

    @property
    def processes(self) -> set[int]:
        """The process ids of status servers."""
        return self._connection.processes

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration."""
        self._config = config
        helper = config.helper
        settings = StatusSettings(self._config_file, helper.run_directory, helper.pid_file, config.metrics)
        self._connection.configure(settings)

    def maintain(self, state: FrontendState) -> None:
        """Do what must be done at intervals. The status server starts when requests are served."""
        self._state = state
        if state is FrontendState.SERVING:
            self._connection.maintain()

    def end(self) -> bool:
        """Let the status server end. Return True when it has; call it again until then."""
        return self._connection.end()

    def write_summary(self) -> None:
        """Write the status into the log, in a few lines."""
        for line in _summary(self._snapshot()):
            self._log.write(Level.MAJOR, f"summary: {line}")

    def _snapshot(self) -> Snapshot:
        dispatcher, pool, config = self._handler.dispatcher, self._pool, self._config
        counters = dispatcher.counters
        events = counters.events
        workers, restarts = pool.workers()
        cache = throttle = None
        if config is not None and config.cache is not None:
            cache = CacheStatus(events[Event.CACHE_HIT], events[Event.CACHE_SHARED], events[Event.CACHE_MISS])
        if config is not None and config.throttle is not None:
            throttle = ThrottleStatus(events[Event.DELAYED], events[Event.DELAY_REFUSED], dispatcher.delayed)
        return Snapshot(
            now=time.monotonic(),
            started=self._started,
            start_time=self._start_time,
            state=self._state.name,
            waiting=len(dispatcher.pending),
            requests=counters.by_command(),
            refused=events[Event.REFUSED],
            buckets=list(counters.buckets),
            seconds=counters.seconds,
            workers=workers,
            worker_restarts=restarts,
            reloads=pool.reloads.status,
            backends=counters.backends([] if config is None else config.names),
            cache=cache,
            throttle=throttle,
            handover=dispatcher.handovers.status,
        )

    # --- requests of the status server ----------------------------------------------------------------

    def _on_request(self, wanted: ReloadWanted | VerifyWanted, send: SendAnswer) -> None:
        if isinstance(wanted, ReloadWanted):
            self._reload(wanted.client, send)
        else:
            self._verify(wanted, send)

    def _reload(self, client: int, send: SendAnswer) -> None:
        """Do what SIGHUP does, and tell the client what became of it."""
        self._pool.reloads.add_waiting(lambda problem, summary: send(ReloadDone(client, problem, summary)))
        self._log.reopen()
        self._pool.reload()

    def _verify(self, wanted: VerifyWanted, send: SendAnswer) -> None:
        """Let a login be checked as one of the mail server."""
        client = wanted.client

        def on_result(pending: PendingRequest, result: Result, reply: bytes, from_cache: bool) -> None:
            steps = [
                BackendAnswer(each.backend, name_of(each.verdict), each.reason, each.seconds) for each in result.steps
            ]
            verdict = name_of(outcome_of(result))
            if not steps and result.backend:
                steps = [BackendAnswer(result.backend, verdict, result.reason, None)]
            send(
                VerifyDone(
                    client,
                    str(pending.account),
                    verdict,
                    reply.decode().strip(),
                    result.backend,
                    result.reason,
                    from_cache,
                    time.monotonic() - pending.group.time,
                    steps,
                )
            )

        try:
            self._handler.verify(wanted, on_result)
        except MalformedRequest as error:
            send(VerifyDone(client, wanted.address, "", "", "", str(error), False, 0.0, []))


def _summary(snapshot: Snapshot) -> list[str]:
    states = Counter(worker.state.lower() for worker in snapshot.workers)
    workers = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    lines = [
        f"extauth {VERSION}, pid {os.getpid()}, runs for {snapshot.uptime:.0f} s; {snapshot.replies} replies, "
        f"{snapshot.waiting} requests wait",
        f"workers: {workers}; {snapshot.worker_restarts} died or hung since the start",
    ]
    for command, verdicts in snapshot.requests.items():
        lines.append(f"{command}: {_counts(verdicts)}")
    for backend in snapshot.backends:
        failing = f"; temporary failures only, the last one: {backend.last_error}" if backend.failing_time else ""
        lines.append(f"backend {backend.name}: {_counts(backend.verdicts) or 'no requests'}{failing}")
    if (cache := snapshot.cache) is not None:
        lines.append(f"cache: {cache.hits} hits, {cache.shared} shared checks, {cache.misses} misses")
    if (throttle := snapshot.throttle) is not None:
        lines.append(f"throttle: {throttle.delayed} delayed, {throttle.refused} refused, {throttle.waiting} wait")
    if (handover := snapshot.handover) is not None:
        counts = f"{handover.done} set, {handover.failed} failed, {handover.dropped} dropped, {handover.waiting} wait"
        lines.append(f"handover: {counts}")
    return lines


def _counts(verdicts: dict[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())

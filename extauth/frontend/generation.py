"""A generation, as the frontend sees it: one supervisor with its workers, from loading to the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from extauth.backends.file_history import FileContents
from extauth.config import ConfigSource
from extauth.frontend import timeouts
from extauth.frontend.descriptors import READ, Poller
from extauth.frontend.log import Log
from extauth.frontend.repeated_warnings import LoadWarnings
from extauth.frontend.states import GenerationState
from extauth.frontend.worker_group import OnLost, OnResult, OnSteps, WorkerGroup
from extauth.log_levels import Level
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import (
    ConfigRead,
    FilesChanged,
    FromSupervisor,
    GenerationLoaded,
    GenerationRefused,
    InvalidMessage,
    LogMessage,
    MessageReader,
    RequestBatch,
    WorkerCommand,
    WorkerEnded,
    WorkerStarted,
    encode,
    receive,
)
from extauth.workers.process_tree import ChildProcess, kill_group
from extauth.workers.status_messages import WorkerStatus


class Generation:
    """One loaded configuration with its workers.

    `source`: the configuration file that the supervisor reads. `config`: the frontend's part of it, once it is read.
    `files`, `contents`, `damaged`: as in GenerationLoaded. `on_result` takes the results of the workers, `on_lost` the
    requests of workers that have died or hang, `on_steps` what backends have said until shortly before a deadline,
    `on_config` the configuration as soon as it is read. `wake` is called when something has happened that `maintain`
    must see. `before`: the generation that serves, if there is one.
    """

    def __init__(
        self,
        source: ConfigSource,
        supervisor: ChildProcess,
        poller: Poller,
        log: Log,
        on_result: OnResult,
        on_lost: OnLost,
        on_steps: OnSteps,
        on_config: Callable[[FrontendConfig], None],
        wake: Callable[[], None],
        before: Generation | None = None,
    ) -> None:
        self.source = source
        self.config: FrontendConfig | None = None
        self.state = GenerationState.LOADING
        self.refusal: str | None = None
        self._loaded_at: float | None = None
        self.files: list[Path] = []
        self.contents: list[FileContents] = []
        self.damaged: list[str] = []
        self.summary = ""
        self.warnings: LoadWarnings = LoadWarnings(before.warnings if before is not None else None)
        self.started = time.monotonic()
        self.supervisor = supervisor.pid
        self._socket = supervisor.socket
        self._socket.setblocking(False)
        self._poller = poller
        self._log = log
        self._on_config = on_config
        self._wake = wake
        self._changed_files: list[str] = []
        self._drained_by = self._close_by = 0.0
        self._worker_processes: dict[int, int] = {}  # number -> process id
        self._workers = WorkerGroup(poller, log, on_result, on_lost, on_steps, self._send_command, wake)
        self._reader: MessageReader[FromSupervisor] = MessageReader(FromSupervisor)  # type: ignore[arg-type]  # a union
        poller.register(self._socket.fileno(), READ, self._on_supervisor)

    def _advance(self, state: GenerationState) -> bool:
        """Go on to a later state. Return False if the generation is in that state, or beyond it, already."""
        if self.state.value >= state.value:
            return False
        self.state = state
        return True

    @property
    def is_ready(self) -> bool:
        """Whether it can take over: all its workers are ready, or some are and the others take long."""
        if self._loaded_at is None or self.config is None:
            return False
        if self.has_ended or self._workers.ready >= self.config.helper.workers:
            return True
        return self._workers.ready > 0 and time.monotonic() - self._loaded_at > timeouts.ALL_READY

    @property
    def has_ended(self) -> bool:
        """Whether its supervisor has ended."""
        return self.state is GenerationState.ENDED

    @property
    def is_drained(self) -> bool:
        """Whether its workers have no requests any more, or only requests whose deadline is long over."""
        return not self._workers.under_way or time.monotonic() > self._drained_by

    @property
    def has_workers(self) -> bool:
        """Whether a worker is alive, as far as the supervisor has said."""
        return len(self._workers) > 0

    def workers(self) -> list[WorkerStatus]:
        """Return the status of each worker."""
        return self._workers.statuses(self._worker_processes)

    @property
    def worker_restarts(self) -> int:
        """How many workers died or were given up."""
        return self._workers.restarts

    def send(self, batch: RequestBatch) -> bool:
        """Give the requests to the workers. Return False if there are no workers."""
        return self._workers.send(batch)

    def send_alone(self, batch: RequestBatch) -> bool:
        """Give one request to a worker that has no other. Return False if there is none at the moment."""
        return self._workers.send_alone(batch)

    @property
    def needs_attention(self) -> bool:
        """Whether `maintain` is needed soon."""
        return not self.has_ended and self._workers.needs_attention

    def take_changed_files(self) -> list[str]:
        """Return the files that have changed since the last call."""
        changed, self._changed_files = self._changed_files, []
        return changed

    def maintain(self, suspects: int = 0) -> None:
        """Replace workers that hang or have ended; kill a supervisor that hangs.

        `suspects`: how many requests wait for a worker of their own.
        """
        if self.has_ended:
            return
        now = time.monotonic()
        if self.state is GenerationState.CLOSING:
            if now >= self._close_by:
                self.kill()
            return
        self._workers.check(now)
        if self._workers.has_late_start(now):
            self._log.write(Level.FAILURES, "the supervisor hangs; killing it")
            self.kill()
        elif self.state is GenerationState.LOADED and self.config is not None:
            self._workers.start_missing(self.config.helper.workers, suspects, now)

    def refuse(self, reason: str) -> None:
        """Count the configuration as one that cannot be served."""
        if self._advance(GenerationState.REFUSED):
            self.refusal = reason

    def drain(self) -> None:
        """Give it no more requests. A generation that is not loaded ends at once: loading may take long."""
        if self.state in (GenerationState.LOADING, GenerationState.REFUSED):
            self.kill()
        elif self._advance(GenerationState.DRAINING) and self.config is not None:
            self._drained_by = time.monotonic() + self.config.helper.deadline + timeouts.DRAIN

    def stop_workers(self) -> None:
        """Let the workers disconnect from their databases and end."""
        if self._advance(GenerationState.STOPPING):
            self._workers.stop()

    def close(self) -> None:
        """Let the supervisor kill the remaining workers and end. `has_ended` says when that is done."""
        self.drain()
        self.stop_workers()
        if self._advance(GenerationState.CLOSING):
            self._close_by = time.monotonic() + timeouts.CLOSE
            self._socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Kill the supervisor and its workers, if they have not ended. The caller reaps them: some may end later."""
        if not self._advance(GenerationState.ENDED):
            return
        self._wake()
        self._poller.unregister(self._socket.fileno())
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.supervisor, signal.SIGKILL)
        for process in self._worker_processes.values():  # they end with the supervisor, but that may take long
            kill_group(process, parents=(self.supervisor, os.getpid()))
        self._workers.remove_all("ended together with its supervisor")

    def _on_supervisor(self, events: int) -> None:
        self._wake()
        try:
            messages = receive(self._socket, self._reader)
        except InvalidMessage:
            messages = None
        if messages is None:
            self.kill()  # it has ended, or a backend's code has closed its socket
            return
        for message in messages:
            self._handle(message)

    def _handle(self, message: FromSupervisor) -> None:
        if isinstance(message, LogMessage):
            if self.state is not GenerationState.LOADING or self.warnings.is_new(message):
                self._log.write(message.level, message.text)
        elif isinstance(message, WorkerStarted):
            self._worker_processes[message.worker] = message.process
        elif isinstance(message, ConfigRead):
            self.source = ConfigSource(self.source.file, message.content)
            self.config = message.config
            self._on_config(message.config)
        elif isinstance(message, GenerationLoaded):
            self.files, self.contents, self.damaged = message.files, message.contents, message.damaged
            self.summary = message.summary
            self._loaded_at = time.monotonic()
            if self._advance(GenerationState.LOADED):
                self.maintain()
        elif isinstance(message, FilesChanged):
            self._changed_files = message.paths
        elif isinstance(message, GenerationRefused):
            self.refuse(message.reason)
        elif isinstance(message, WorkerEnded):
            self._worker_processes.pop(message.worker, None)
            is_stopping = self.state.value >= GenerationState.STOPPING.value
            self._workers.remove_ended(message.worker, message.how, log=not is_stopping)
            self.maintain()

    def _send_command(self, command: WorkerCommand, *descriptors: int) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, BlockingIOError):
            socket.send_fds(self._socket, [encode(command)], list(descriptors))  # a lost command is never confirmed

"""Which generation serves, which one comes next, and which ones are leaving."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path

from extauth.backends.file_history import FileHistory, OnDamage
from extauth.config import ConfigSource
from extauth.frontend import timeouts
from extauth.frontend.descriptors import Poller
from extauth.frontend.generation import Generation
from extauth.frontend.log import Log
from extauth.frontend.reloads import LeavingGenerations, Reloads
from extauth.frontend.repeated_warnings import Reminder
from extauth.frontend.unsent_requests import MoveRequest, UnsentRequests
from extauth.frontend.worker_group import OnResult, OnSteps
from extauth.frontend.worker_handle import LostRequests
from extauth.log_levels import Level
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import RequestBatch
from extauth.workers.process_tree import ChildProcess, adopt_orphans, kill_and_reap
from extauth.workers.status_messages import WorkerStatus
from extauth.workers.supervisor import start_supervisor


class WorkerPool:
    """Gives requests to the serving generation, and replaces it as a whole when files or the configuration change.

    A request that comes after a switch goes to the new generation; one that came before stays with the old one. So when
    a request has seen a new file, no later request sees the old one.
    """

    def __init__(
        self,
        config_file: Path,
        supervisor: ChildProcess,
        poller: Poller,
        log: Log,
        on_result: OnResult,
        on_steps: OnSteps,
        move_request: MoveRequest,
        on_config: Callable[[FrontendConfig], None],
        other_processes: Callable[[], set[int]],
    ) -> None:
        self._config_file = config_file
        self._log = log
        self._load = functools.partial(
            Generation,
            poller=poller,
            log=log,
            on_result=on_result,
            on_lost=self._on_lost,
            on_steps=on_steps,
            on_config=self._on_config_read,
            wake=self._wake,
        )
        self._on_config = on_config
        self._other_processes = other_processes
        self._history = FileHistory()
        self._reminder = Reminder(log)
        self._serving: Generation | None = None
        self._leaving = LeavingGenerations()
        self._unsent = UnsentRequests(on_result, move_request)
        self._start_at = self._replace_at = 0.0
        self.needs_maintenance = True
        self._config: FrontendConfig | None = None
        self._due: ConfigSource | None = None  # for the next generation, as soon as one can be started
        self._is_requested = self._coming_is_requested = False  # SIGHUP asks for it: files are taken as they are
        self._has_unloaded_changes = False  # a file has changed since the serving generation was loaded
        self._has_remains = False
        self.reloads = Reloads()
        self._coming: Generation | None = self._load(ConfigSource(config_file), supervisor)
        adopt_orphans()

    @property
    def is_ready(self) -> bool:
        """Whether a generation has ever been loaded."""
        return self._serving is not None

    @property
    def refusal(self) -> str | None:
        """Why the first generation cannot be loaded, if so: then there is nothing to serve."""
        if self._serving is not None or self._coming is None or self._due is not None:
            return None
        if self._coming.has_ended and self._coming.refusal is None:
            return f"{self._config_file}: the process that loads it and its backends died"
        return self._coming.refusal

    def send(self, batch: RequestBatch) -> None:
        """Give these requests to a worker, now or as soon as there is one."""
        if self._serving is None or not self._serving.send(batch):
            self._unsent.add(batch)

    @property
    def needs_attention(self) -> bool:
        """Whether `maintain` is needed soon, though nothing has happened: workers have requests."""
        return self._unsent.suspects > 0 or any(generation.needs_attention for generation in self._generations())

    def _on_lost(self, lost: LostRequests) -> None:
        """Give the requests of a worker that died or hangs to others; those that may have killed it each alone."""
        for batch in self._unsent.batches_of(lost.untouched):
            self.send(batch)
        self._unsent.add_suspects(lost.suspects)
        self.needs_maintenance = True

    def workers(self) -> tuple[list[WorkerStatus], int]:
        """Return the status of each worker that serves, and how many died or were given up since the start."""
        restarts, serving = self._leaving.worker_restarts, self._serving
        return ([], restarts) if serving is None else (serving.workers(), restarts + serving.worker_restarts)

    def reload(self) -> None:
        """Read the configuration file again, and replace the serving generation with a new one, if that can be loaded.

        A generation that is loading comes first, or frequent reloads would keep every one from being loaded. The new
        one also waits while too many generations are leaving, each with all its processes.
        """
        self._due, self._start_at = ConfigSource(self._config_file), 0.0
        self._is_requested = True
        self.needs_maintenance = True

    def maintain(self) -> None:
        """Switch, replace, notice changes, clean up. Call it at intervals, and if it `needs_maintenance`."""
        self.needs_maintenance = False
        now = time.monotonic()
        if self._coming is not None:
            self._check_coming(self._coming)
        if self._coming is None:
            self._start_due(now)
        if self._serving is not None:
            self._serving.maintain(self._unsent.suspects)
            self._unsent.give_to(self._serving, now)
            self._has_remains |= self._serving.has_ended
        self._has_remains |= self._leaving.maintain()
        self._reminder.maintain()
        self._reap()

    def _start_due(self, now: float) -> None:
        serving = self._serving
        if serving is not None and serving.has_ended and now >= self._replace_at:
            self._log.write(Level.FAILURES, "the supervisor died; starting another one")
            self._due, self._start_at = self._due or serving.source, 0.0
            self._replace_at = now + timeouts.RESTART
        elif serving is not None and (changed := serving.take_changed_files()):
            self._log.write(Level.MAJOR, f"changed: {', '.join(changed)}; reloading")
            self._due, self._start_at = self._due or serving.source, 0.0
            self._has_unloaded_changes = True
        is_serving = serving is not None and not serving.has_ended
        may_start = now >= self._start_at and not (is_serving and self._leaving.is_full)
        if self._due is not None and may_start:
            self._start_generation(self._due)

    def end(self) -> bool:
        """Let everything end. Return True when it has ended; call it again until then."""
        for generation in filter(None, (self._serving, self._coming)):
            self._leaving.add(generation)
        self._serving = self._coming = None
        self._has_remains |= self._leaving.maintain(at_end=True)
        return not len(self._leaving)

    def close(self) -> None:
        """Let every generation that has not ended kill its workers and end."""
        for generation in self._generations():
            generation.close()

    def kill(self) -> None:
        """Kill every process of every generation."""
        for generation in self._generations():
            generation.kill()

    def _generations(self) -> list[Generation]:
        return [*self._leaving, *filter(None, (self._serving, self._coming))]

    def _wake(self) -> None:
        self.needs_maintenance = True

    def _start_generation(self, source: ConfigSource) -> None:
        """Start to load a new generation. The serving one keeps its configuration until the new one is loaded."""
        try:
            supervisor = start_supervisor(source, self._history.to_load(self._on_damage()))
            self._coming = self._load(source, supervisor, before=self._serving)
            self._due = None
            self._coming_is_requested, self._is_requested = self._is_requested, False
            self.reloads.begin()
        except OSError as error:
            self._log.write(Level.FAILURES, f"cannot start a supervisor: {error.strerror}")
            self._start_at = time.monotonic() + timeouts.RESTART
            self._due = source

    def _on_damage(self) -> OnDamage:
        if self._is_requested or self._serving is None:
            return OnDamage.ACCEPT
        return OnDamage.SUSPEND if self._serving.has_ended else OnDamage.REFUSE

    def _check_coming(self, coming: Generation) -> None:
        coming.maintain()
        if coming.is_ready:
            self._switch_to(coming)
        elif coming.refusal is None and time.monotonic() - coming.started > timeouts.LOAD:
            coming.refuse(f"{self._config_file}: loading it takes more than {timeouts.LOAD:g} s")
        elif (self._serving or self._due) is not None and (coming.has_ended or coming.refusal is not None):
            reason = coming.refusal or "the process that loads it died"
            self._log.write(Level.FAILURES, f"reload failed, keeping the previous configuration: {reason}")
            self.reloads.end(reason)
            if self._has_unloaded_changes:
                self._reminder.start(f"a changed file is not in force: {reason}")
            if coming.refusal is None and self._due is None:
                self._due = coming.source
                self._start_at = time.monotonic() + timeouts.RELOAD
                self._is_requested |= self._coming_is_requested
            elif self._has_unloaded_changes and self._serving is not None and coming.source != self._serving.source:
                self._due = self._due or self._serving.source  # the new configuration is bad: load the files without it
            self._leaving.add(coming)
            self._coming = None

    def _switch_to(self, coming: Generation) -> None:
        serving, self._serving, self._coming = self._serving, coming, None
        if serving is not None:
            self._leaving.add(serving)
            self.reloads.end("", coming.summary)
        self._has_unloaded_changes = False
        self._history = self._history.after(coming.files, coming.contents)
        self._reminder.start("; ".join(coming.damaged))
        if coming.config is not None:
            self._use(coming.config)
            workers = f"{(count := coming.config.helper.workers)} worker{'' if count == 1 else 's'}"
            self._log.write(Level.MAJOR, f"serving with {workers}: {coming.summary}{coming.warnings.summary}")

    def _on_config_read(self, config: FrontendConfig) -> None:
        """Use the first configuration at once: what the loading backends log, and requests if loading takes long."""
        if self._serving is None:
            self._use(config)

    def _use(self, config: FrontendConfig) -> None:
        if config is not self._config:
            self._on_config(config)
        self._config = config

    def _reap(self) -> None:
        """Kill and reap what ended generations have left: their supervisors, and the orphans that came to this process.

        What waits for a disk does not end now. It stays behind, and each later round tries again.
        """
        if self._has_remains:
            alive = [generation.supervisor for generation in self._generations() if not generation.has_ended]
            self._has_remains = kill_and_reap(spare=[*alive, *self._other_processes()])

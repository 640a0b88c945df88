"""Which generation of workers serves, which one comes next, and which ones are leaving."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from extauth.config import Config
from extauth.frontend.generation import Decide, Generation
from extauth.frontend.log import Log
from extauth.frontend.poller import Poller
from extauth.log_levels import Level
from extauth.model import FailureResult
from extauth.workers.messages import RequestBatch
from extauth.workers.process_tree import adopt_orphans, kill_children
from extauth.workers.start import SupervisorProcess, start_supervisor

_DISCONNECT_IN = 0.5  # seconds that dismissed workers have
_LOADS_WITHIN = 120.0  # seconds
_MOST_LEAVING = 8  # generations
_AGAIN = 1.0  # seconds to the next attempt, where a keeper could not be started, or that of those that serve died
_AGAIN_LOADED = 10.0  # ... and where one died while it loaded, which may take all the memory there is


class WorkerPool:
    """Has questions decided by the serving generation, and replaces that whole when files or configuration change.

    A request that comes after a switch goes to the new generation, one that came before stays with the old: once a
    request has seen a new file, no later one sees the old.
    """

    def __init__(
        self,
        config: Config,
        keeper: SupervisorProcess,
        poller: Poller,
        log: Log,
        decide: Decide,
        on_switch: Callable[[Config], None],
    ) -> None:
        self._poller = poller
        self._log = log
        self._decide = decide
        self._on_switch = on_switch
        self._before: frozenset[Path] = frozenset()
        self._serving: Generation | None = None
        self._leaving: dict[Generation, float | None] = {}  # and when its workers were dismissed
        self._waiting: deque[RequestBatch] = deque()
        self._again = 0.0
        self._replace_again = 0.0
        self._coming: Generation | None = self._generation(config, keeper)
        self.is_stirred = True
        self._due: Config | None = None  # for a new generation, as soon as one can be made
        adopt_orphans()

    @property
    def is_ready(self) -> bool:
        """Whether a generation has ever been loaded."""
        return self._serving is not None

    @property
    def refused(self) -> str | None:
        """Why the first generation cannot be loaded, if so: then there is nothing to serve."""
        if self._serving is not None or self._coming is None or self._due is not None:
            return None
        if self._coming.gone and self._coming.refused is None:
            return f"{self._coming.config.file}: the process that loads it and its backends died"
        return self._coming.refused

    def ask(self, batch: RequestBatch) -> None:
        """Have these questions decided."""
        if self._serving is None or not self._serving.ask(batch):
            self._waiting.append(batch)

    def reload(self, config: Config) -> None:
        """Replace what serves by a generation made from `config`, when that can be loaded.

        One that is being loaded comes first: somebody who asks again and again would keep any from ever being loaded.
        And it waits where too many leave, each with all its processes.
        """
        self._due, self._again = config, 0.0
        self.is_stirred = True

    def tend(self) -> None:
        """What has to be done now and then, and when `is_stirred`: switch, replace, notice changes, bury."""
        self.is_stirred = False
        now = time.monotonic()
        if self._coming is not None:
            self._look_at_coming(self._coming)
        if self._coming is None:
            self._begin_what_is_due(now)
        if self._serving is not None:
            self._serving.tend()
            while self._waiting:
                batch = self._waiting[0]
                if batch.deadline > now and not self._serving.ask(batch):
                    break
                self._waiting.popleft()
                if batch.deadline <= now:
                    late = FailureResult(reason="the deadline passed before there was a worker")
                    self._decide(late, batch.keys)
        for generation, dismissed in list(self._leaving.items()):
            self._see_off(generation, dismissed, now)

    def _begin_what_is_due(self, now: float) -> None:
        serving = self._serving
        if serving is not None and serving.gone and now >= self._replace_again:
            self._log.write(Level.FAILURES, "the parent of the workers died; it is replaced")
            self._kill_orphans()
            self._due, self._again = self._due or serving.config, 0.0
            self._replace_again = now + _AGAIN
        elif serving is not None and serving.changed:
            self._log.write(Level.MAJOR, f"changed: {', '.join(serving.changed)}; reading anew")
            serving.changed = []
            self._due, self._again = self._due or serving.config, 0.0
        is_served = serving is not None and not serving.gone
        may_begin = now >= self._again and not (is_served and len(self._leaving) >= _MOST_LEAVING)
        if self._due is not None and may_begin:
            self._begin(self._due)

    def end(self) -> bool:
        """Let everything end; True when it has. Call it again until then."""
        for generation in (self._serving, self._coming):
            if generation is not None:
                self._leave(generation)
        self._serving = self._coming = None
        now = time.monotonic()
        for generation, dismissed in list(self._leaving.items()):
            self._see_off(generation, dismissed, now)
        return not self._leaving

    def kill(self) -> None:
        """End everything that has not ended, now."""
        for generation in [*self._leaving, *filter(None, (self._serving, self._coming))]:
            generation.close()

    def _wants_tending(self) -> None:
        self.is_stirred = True

    def _begin(self, config: Config) -> None:
        """Start to make a new generation; what serves keeps its configuration until that is loaded."""
        try:
            self._coming = self._generation(config, start_supervisor(config, self._before))
            self._due = None
        except OSError as error:
            self._log.write(Level.FAILURES, f"cannot start a process: {error.strerror}")
            self._again = time.monotonic() + _AGAIN
            self._due = config

    def _generation(self, config: Config, keeper: SupervisorProcess) -> Generation:
        return Generation(config, keeper, self._poller, self._log, self._decide, self._wants_tending)

    def _look_at_coming(self, coming: Generation) -> None:
        if coming.loaded:
            self._switch_to(coming)
        elif coming.refused is None and time.monotonic() - coming.started > _LOADS_WITHIN:
            coming.refused = f"{coming.config.file}: loading it takes more than {_LOADS_WITHIN:g} s"
        elif (self._serving or self._due) is not None and (coming.gone or coming.refused is not None):
            reason = coming.refused or "the process that loads it died"
            self._log.write(Level.FAILURES, f"cannot read anew, what was read before stays: {reason}")
            if coming.refused is None and self._due is None:
                self._due = coming.config
                self._again = time.monotonic() + _AGAIN_LOADED
            self._leave(coming)
            self._coming = None

    def _switch_to(self, coming: Generation) -> None:
        if self._serving is not None:
            self._leave(self._serving)
        self._serving, self._coming = coming, None
        self._before |= {path for path, signature in coming.seen.items() if signature is not None}
        self._on_switch(coming.config)
        self._log.write(Level.MAJOR, f"serving with {coming.config.helper.workers} workers: {coming.summary}")

    def _leave(self, generation: Generation) -> None:
        generation.leave()
        self._leaving[generation] = None

    def _kill_orphans(self) -> None:
        """A keeper that was killed has left its workers' children to us."""
        there = [*self._leaving, *filter(None, (self._serving, self._coming))]
        kill_children(spare=[generation.keeper for generation in there])

    def _see_off(self, generation: Generation, dismissed: float | None, now: float) -> None:
        """The way out: its requests are answered, its workers disconnect, its keeper ends."""
        generation.tend()
        if generation.gone:
            del self._leaving[generation]
            self._kill_orphans()
        elif not generation.loaded or (dismissed is not None and now - dismissed >= _DISCONNECT_IN):
            generation.close()
        elif dismissed is None and not generation.under_way:
            generation.dismiss_workers()
            self._leaving[generation] = now
        elif dismissed is not None and not generation.has_workers:
            generation.close()

"""The frontend's event loop: standard input to standard output, until one of them ends (docs/protocol.md, 2 and 5).

It waits for no disk: after its start it opens no file. Other processes read the configuration and the files.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from extauth.errors import ConfigError
from extauth.frontend import timeouts
from extauth.frontend.descriptors import Poller, Signals, StandardDescriptors
from extauth.frontend.log import Log
from extauth.frontend.reader import InputState, Reader
from extauth.frontend.request_handler import RequestHandler
from extauth.frontend.side_processes import SideProcesses
from extauth.frontend.states import FrontendState
from extauth.frontend.worker_pool import WorkerPool
from extauth.frontend.writer import Writer
from extauth.log_levels import Level
from extauth.protocol.accounts import load_international_domains
from extauth.protocol.replies import Reply, render_reply
from extauth.version import VERSION
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.process_tree import ChildProcess, kill_children, set_process_title

_MAX_PENDING = 10_000  # requests under way; beyond that no more are read
_MAX_PENDING_BYTES = 2**24
_MAX_OUTPUT = 2**20  # bytes that wait to be written; beyond that no more requests are read
_STOPPING = "the mail server stops the helper"
_UNKNOWN = FrontendConfig(default_domain="unknown.invalid")  # until it is read, an address without a domain is valid


class Frontend:
    """Serves one mail server, from its first line to the end of its input.

    `supervisor` is that of the first generation; it reads `config_file`. `repaired`: what was changed before the
    start, for the log.
    """

    def __init__(
        self, config_file: Path, standard: StandardDescriptors, supervisor: ChildProcess, repaired: Sequence[str]
    ) -> None:
        set_process_title("extauth: frontend")
        self.state = FrontendState.STARTING
        self._config_file = config_file
        self._repaired = repaired
        self._config: FrontendConfig | None = None
        self._start_by = time.monotonic() + timeouts.START
        self._reply_by = math.inf
        self._next_tick, self._load_idna_at = 0.0, math.inf
        self._poller = Poller()
        self._reader = Reader(standard.input, self._poller, self._handle_lines, self._begin_to_end)
        self._log = Log(_UNKNOWN.log, self._poller)
        self._handler = RequestHandler(_UNKNOWN, self._log)
        self._dispatcher = self._handler.dispatcher
        self._pool = WorkerPool(
            config_file,
            supervisor,
            self._poller,
            self._log,
            self._dispatcher.finish,
            self._dispatcher.note_steps,
            self._dispatcher.move_request,
            self._configure,
            self._other_processes,
        )
        self._side = SideProcesses(config_file, self._poller, self._log, self._handler, self._pool)
        self._writer = Writer(standard.output, self._poller, self._log, self._side.handover.send)

    def serve(self) -> None:
        """Run to the end. Raise ConfigError if the configuration cannot be served."""
        signals = Signals(self._poller)
        try:
            while not self._is_over():
                self._poller.wait(self._time_to_wait())
                if caught := signals.take():
                    self._handle_signals(caught)
                if self._pool.needs_maintenance or time.monotonic() >= self._next_time:
                    self._maintain()
                self._continue_reading()
                self._writer.write(self._handler.replies)
            self._fail_rest()
            self._stop_processes()
        finally:
            self._pool.kill()
            self._log.flush()  # so that the log writer goes on during the next step
            self._side.close()
            kill_children(spare=self._log.processes, within=timeouts.REAP)
            self._log.close(self._time_for_the_log())
            self.state = FrontendState.ENDED

    def _maintain(self) -> None:
        """Do what must be done at intervals."""
        if self._pool.refusal is not None:
            raise ConfigError(self._pool.refusal)
        self._pool.maintain()
        self._log.maintain()
        self._side.maintain(self.state)
        now = time.monotonic()
        self._dispatcher.expire()
        self._dispatcher.release(now)
        self._next_tick = now + (timeouts.SHORT_TICK if self._pool.needs_attention else timeouts.TICK)
        has_waited = self._config is not None and now >= self._start_by
        if self.state is FrontendState.STARTING and (self._pool.is_ready or has_waited):
            self.state = FrontendState.SERVING if self._reply_by == math.inf else FrontendState.ENDING
            self._load_idna_at = now + timeouts.LOAD_IDNA
        if self.state is FrontendState.SERVING and now >= self._load_idna_at:
            self._load_idna_at = math.inf
            load_international_domains()

    @property
    def _next_time(self) -> float:
        """When there is something to do even if nothing comes (monotonic seconds)."""
        return min(self._next_tick, self._dispatcher.next_time)

    def _other_processes(self) -> set[int]:
        """Return the process ids of this process's children that belong to no generation."""
        return self._log.processes | self._side.processes

    # --- input ----------------------------------------------------------------------------------------

    def _find_room(self) -> int:
        """Return how many requests may be handled now; 0 or less: none."""
        pending = self._dispatcher.pending
        if self.state is FrontendState.STARTING:
            return 0
        if pending.bytes > _MAX_PENDING_BYTES or len(self._writer) > _MAX_OUTPUT:
            return 0
        if self._reader.is_file and self._config is not None:
            return 4 * self._config.helper.workers - len(pending)
        return _MAX_PENDING - len(pending)

    def _continue_reading(self) -> None:
        """Handle lines that were read, as far as there is room. Then wait for more, and in any case for the end."""
        if self._reader.has_lines or self._dispatcher.has_batch:
            self._handle_lines()
        self._reader.wait(self._find_room())

    def _handle_lines(self) -> None:
        """Handle as many of the lines that were read as there is room for."""
        batch = self._handler.handle(self._reader.take(self._find_room()))
        if batch.keys:
            if self.state is FrontendState.FAILING:
                self._dispatcher.fail_all(_STOPPING)
            else:
                self._pool.send(batch)
                self._next_tick = min(self._next_tick, time.monotonic() + timeouts.SHORT_TICK)
        if self._handler.quit:
            self._reader.stop()
            self._begin_to_end()

    # --- signals and reload ---------------------------------------------------------------------------

    def _configure(self, config: FrontendConfig) -> None:
        is_first = self._config is None
        self._config = config
        self._handler.configure(config)
        self._log.configure(config.log)
        self._side.configure(config)
        if is_first:
            started = f"extauth {VERSION} starts, pid {os.getpid()}, configuration {self._config_file}"
            self._log.write(Level.MAJOR, started)
            for text in self._repaired:
                self._log.write(Level.FAILURES, text)

    def _handle_signals(self, caught: set[int]) -> None:
        if caught & {signal.SIGTERM, signal.SIGINT}:
            self._reader.wait_for_no_more()
            self._begin_to_end()
        if signal.SIGHUP in caught:
            self._log.reopen()
            self._pool.reload()
        if signal.SIGUSR1 in caught:
            self._side.administration.write_summary()

    # --- shutdown -------------------------------------------------------------------------------------

    def _time_to_wait(self) -> float:
        if self._reader.has_lines and self._find_room() > 0:
            return 0.0
        now = time.monotonic()
        until = min(self._next_time, self._reply_by)
        if self._reader.state is InputState.ENDING:
            until = min(until, now + timeouts.POLL)
        return until - now

    def _begin_to_end(self) -> None:
        """The end has been seen: from now on replies have a limited time."""
        if self._reply_by == math.inf:
            self._reply_by = time.monotonic() + timeouts.REPLY
            self._dispatcher.end_delays()
            if self.state is FrontendState.SERVING:
                self.state = FrontendState.ENDING

    def _is_over(self) -> bool:
        """Return whether no reply can come any more, or none is waited for."""
        if self._writer.is_closed or time.monotonic() >= self._reply_by:
            return True
        waiting = len(self._dispatcher.pending) or self._handler.replies or self._writer.has_output
        return self._reply_by < math.inf and not self._reader.has_more and not waiting

    def _fail_rest(self) -> None:
        """Reply to what is left."""
        self.state = FrontendState.FAILING
        self._run_until(self._has_replied_to_all, timeouts.WRITE)
        self._reader.stop()
        if self._handler.quit:
            self._handler.replies.append(render_reply(Reply(self._handler.quit.number, "OK")))
            self._writer.write(self._handler.replies)
        self._writer.stop()

    def _has_replied_to_all(self) -> bool:
        """Reply to the requests that wait or can still be read. Return whether all is written, or never will be."""
        self._dispatcher.fail_all(_STOPPING)
        self._handle_lines()
        while self._reader.read_now(self._find_room()):
            pass
        self._writer.write(self._handler.replies)
        return self._writer.is_closed or not (self._reader.has_lines or self._writer.has_output)

    def _stop_processes(self) -> None:
        """Let the other processes end, and kill those that do not."""
        self.state = FrontendState.STOPPING
        left = self._reply_by - time.monotonic()
        self._run_until(self._have_ended, min(timeouts.END, max(timeouts.FINISH, left)))
        self._pool.close()
        self._run_until(self._have_ended, timeouts.KILL)
        self._side.close()
        self._writer.write(self._handler.replies)  # the log says what the handover has lost

    def _have_ended(self) -> bool:
        """Return whether the generations and the side processes have ended. Let them end if they have not."""
        return self._pool.end() & self._side.end()

    def _time_for_the_log(self) -> float:
        """Return how many seconds the log writer has to write what is left."""
        ends_at = self._reply_by + timeouts.WRITE + timeouts.FINISH + timeouts.KILL + timeouts.REAP
        return min(timeouts.LOG, max(timeouts.POLL, ends_at - time.monotonic()))

    def _run_until(self, is_done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_done() and time.monotonic() < until:
            self._poller.wait(timeouts.POLL)
            self._writer.write(self._handler.replies)

"""The frontend's event loop: standard input to standard output, until one of them ends (docs/protocol.md, 2 and 5)."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from collections.abc import Callable, Sequence

from extauth.config import Config, read_config
from extauth.errors import ConfigError
from extauth.frontend.descriptors import HUNG_UP, READ, Poller, StandardDescriptors, is_ready
from extauth.frontend.log import Log
from extauth.frontend.request_handler import RequestHandler
from extauth.frontend.worker_pool import WorkerPool
from extauth.frontend.writer import Writer
from extauth.log_levels import Level
from extauth.protocol.framing import Framer, Line
from extauth.protocol.replies import Reply, render_reply
from extauth.version import VERSION
from extauth.workers.process_tree import kill_children, set_process_title
from extauth.workers.supervisor import SupervisorProcess

_CHUNK = 65_536  # bytes to read in one call
_MAX_PENDING = 10_000  # requests under way; beyond that no more are read
_MAX_PENDING_BYTES = 2**24
_MAX_OUTPUT = 2**20  # bytes that wait to be written; beyond that no more requests are read
_LOAD_WITHIN = 5.0  # seconds at the start during which requests are left unread; then their deadlines run
_ANSWER_WITHIN = 4.0  # seconds from the end of input for requests under way
_WRITE_WITHIN = 0.3  # seconds after that for the mail server to read the last replies
_END_WITHIN = 0.6  # seconds for the workers to end normally, if that time is left
_KILL_WITHIN = 0.3  # seconds for the workers to be killed
_STOPPING = "the mail server stops the helper"
_TICK = 0.25  # seconds between two rounds of maintenance
_SHORT_WAIT = 0.01  # seconds


class Frontend:
    """Serves one mail server, from its first line to the end of its input.

    `supervisor` is that of the first generation. `repaired`: what was changed before the start, for the log.
    """

    def __init__(
        self, config: Config, standard: StandardDescriptors, supervisor: SupervisorProcess, repaired: Sequence[str]
    ) -> None:
        set_process_title("extauth: frontend")
        self._input = standard.input
        self._input_is_file = stat.S_ISREG(os.fstat(self._input).st_mode)
        self._max_pending = 4 * config.helper.workers if self._input_is_file else _MAX_PENDING
        self._config_file = config.file
        self._poller = Poller()
        self._framer = Framer()
        self._lines: list[Line] = []  # read, but not handled yet
        self._may_read = True  # there may be more input
        self._room = 0  # requests that may be read now
        self._only_what_is_there = False  # a signal ends the helper: no more input is waited for
        self._answer_until: float | None = None
        self._is_failing_all = False
        self._signals: list[int] = []
        self._next_tick = 0.0
        self._load_until = time.monotonic() + _LOAD_WITHIN
        self._log = Log(config.log)
        self._handler = RequestHandler(config, self._log)
        self._writer = Writer(standard.output, self._poller, self._log)
        os.register_at_fork(after_in_child=self._handler.forget)  # a supervisor handles no requests
        self._log.write(Level.MAJOR, f"extauth {VERSION} starts, pid {os.getpid()}, configuration {config.file}")
        for text in repaired:
            self._log.write(Level.FAILURES, text)
        self._pool = WorkerPool(config, supervisor, self._poller, self._log, self._handler.finish, self._configure)

    def serve(self) -> None:
        """Run to the end. Raise ConfigError if the configuration cannot be served."""
        self._catch_signals()
        try:
            while not self._is_over():
                self._poller.wait(self._time_to_wait())
                if self._signals:
                    self._handle_signals()
                if self._pool.needs_maintenance or time.monotonic() >= self._next_time:
                    self._maintain()
                self._continue_reading()
                self._writer.write(self._handler.replies)
            self._end()
        finally:
            self._pool.close()
            kill_children()

    def _maintain(self) -> None:
        """Do what must be done at intervals."""
        if self._pool.refusal is not None:
            raise ConfigError(self._pool.refusal)
        self._pool.maintain()
        self._handler.expire()
        self._next_tick = time.monotonic() + _TICK

    @property
    def _next_time(self) -> float:
        """When there is something to do even if nothing comes (monotonic seconds)."""
        deadline = self._handler.pending.next_deadline
        return self._next_tick if deadline is None or deadline > self._next_tick else deadline

    # --- input ----------------------------------------------------------------------------------------

    def _find_room(self) -> int:
        """Return how many requests may be handled now; 0 or less: none."""
        pending = self._handler.pending
        if pending.bytes > _MAX_PENDING_BYTES or len(self._writer) > _MAX_OUTPUT:
            return 0
        if not self._pool.is_ready and time.monotonic() < self._load_until and not self._is_failing_all:
            return 0
        return self._max_pending - len(pending)

    def _continue_reading(self) -> None:
        """Handle lines that were read, as far as there is room. Then wait for more, and in any case for the end."""
        if self._lines or self._handler.has_retries:
            self._handle_lines(self._find_room())
        if self._only_what_is_there and self._may_read and not is_ready(self._input, READ):
            self._may_read = False  # a line without an end is not handled: the rest of it may be on its way
        self._room = self._find_room() if self._may_read and not self._lines else 0
        if self._room > 0 or (self._may_read and self._answer_until is None):
            self._poller.register(self._input, READ if self._room > 0 else 0, self._on_input)
        else:
            self._poller.unregister(self._input)

    def _on_input(self, events: int) -> None:
        if events & HUNG_UP and not self._input_is_file:
            self._start_to_end()
        if self._room > 0:
            self._read(self._room)

    def _read(self, room: int) -> None:
        try:
            chunk = os.read(self._input, _CHUNK)
        except OSError:  # for example from a terminal that is gone
            chunk = b""
        if chunk:
            self._lines = self._framer.feed(chunk)
        else:
            self._may_read = False
            self._lines += self._framer.finish()
            self._start_to_end()
        self._handle_lines(room)

    def _handle_lines(self, room: int) -> None:
        """Handle as many of the lines that were read as there is room for."""
        lines = self._lines
        if len(lines) > room:
            lines, self._lines = lines[: max(0, room)], lines[max(0, room) :]
        else:
            self._lines = []
        batch = self._handler.handle(lines)
        if batch.keys:
            if self._is_failing_all:
                self._handler.fail_all(_STOPPING)
            else:
                self._pool.send(batch)
        if self._handler.quit:
            self._may_read, self._lines = False, []
            self._start_to_end()

    # --- signals and reload ---------------------------------------------------------------------------

    def _configure(self, config: Config) -> None:
        self._handler.configure(config)
        self._log.configure(config.log)

    def _catch_signals(self) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

        def on_signals(events: int) -> None:
            with contextlib.suppress(BlockingIOError):
                self._signals += os.read(reader, 4096)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._poller.register(reader, READ, on_signals)

    def _handle_signals(self) -> None:
        signals, self._signals = set(self._signals), []
        if signals & {signal.SIGTERM, signal.SIGINT}:
            self._only_what_is_there = not self._input_is_file
            self._start_to_end()
        if signal.SIGHUP in signals:
            self._log.reopen()
            try:
                self._pool.reload(read_config(self._config_file))
            except ConfigError as error:
                self._log.write(Level.FAILURES, f"reload failed, keeping the previous configuration: {error}")

    # --- shutdown -------------------------------------------------------------------------------------

    def _time_to_wait(self) -> float:
        if self._lines and self._find_room() > 0:
            return 0.0
        until = self._next_time
        if self._answer_until is not None:
            until = min(until, self._answer_until)
            if self._only_what_is_there and self._may_read:
                until = min(until, time.monotonic() + _SHORT_WAIT)
        return until - time.monotonic()

    def _start_to_end(self) -> None:
        if self._answer_until is None:
            self._answer_until = time.monotonic() + _ANSWER_WITHIN

    def _is_over(self) -> bool:
        if self._writer.is_closed:
            return True
        if self._answer_until is None:
            return False
        if time.monotonic() >= self._answer_until:
            return True
        waiting = self._lines or len(self._handler.pending) or self._handler.replies or self._writer.has_output
        return not self._may_read and not waiting

    def _end(self) -> None:
        """Reply to what is left, and leave no process behind."""
        self._is_failing_all = True
        self._poller.unregister(self._input)
        self._run_until(self._has_replied_to_all, _WRITE_WITHIN)
        if self._handler.quit:
            self._handler.replies.append(render_reply(Reply(self._handler.quit.number, "OK")))
            self._writer.write(self._handler.replies)
        self._writer.stop()
        if self._answer_until is not None:
            self._run_until(self._pool.end, min(_END_WITHIN, self._answer_until - time.monotonic()))
        self._pool.close()
        self._run_until(self._pool.end, _KILL_WITHIN)

    def _has_replied_to_all(self) -> bool:
        """Reply to the requests that wait or can still be read. Return whether all is written, or never will be."""
        self._handler.fail_all(_STOPPING)
        self._handle_lines(self._find_room())
        while not self._lines and self._may_read and (room := self._find_room()) > 0 and is_ready(self._input, READ):
            self._read(room)
        self._writer.write(self._handler.replies)
        return self._writer.is_closed or not (self._lines or self._writer.has_output)

    def _run_until(self, is_done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_done() and time.monotonic() < until:
            self._poller.wait(_SHORT_WAIT)
            self._writer.write(self._handler.replies)

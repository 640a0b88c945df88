"""The line loop: standard input to standard output, until one of them ends (docs/protocol.md, sections 2 and 5)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import time
from collections.abc import Callable

from extauth.config import Config, read_config
from extauth.errors import ConfigError
from extauth.frontend.descriptors import Standard
from extauth.frontend.log import Log
from extauth.frontend.poller import HUNG_UP, READ, WRITE, Poller, is_ready
from extauth.frontend.request_handler import RequestHandler
from extauth.frontend.worker_pool import WorkerPool
from extauth.log_levels import Level
from extauth.protocol.framing import Framer, Line
from extauth.protocol.replies import Reply, render_reply
from extauth.version import VERSION
from extauth.workers.process_tree import kill_children
from extauth.workers.start import SupervisorProcess

_CHUNK = 65_536
_PIECE = 4_096  # PIPE_BUF: what a pipe that polls writable takes without blocking, in one piece
_MAX_PENDING = 10_000  # requests under way, past which no more are read
_MAX_PENDING_BYTES = 2**24
_MAX_OUTPUT = 2**20
_LOADING = 5.0  # seconds that requests are left unread at the start; then their deadlines run
_ANSWERING = 4.0  # seconds from the end of input on
_SAYING_GOODBYE = 0.3  # seconds from then on for the last replies to be taken
_ENDING = 0.6  # seconds for the workers to end in peace, where there was time left
_KILLING = 0.3  # seconds for them to end otherwise
_STOPPING = "the mail server stops us"
_TICK = 0.25  # seconds
_GLANCE = 0.01  # seconds


class Server:
    """Serves one mail server, from its first line to the end of its input; `keeper` is that of the first generation."""

    def __init__(self, config: Config, standard: Standard, keeper: SupervisorProcess) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who started us may have left us other ways
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        self._input, self._output = standard.input, standard.output
        self._output_poll = select.poll()
        self._output_poll.register(self._output, WRITE)
        self._waits_for_input = not stat.S_ISREG(os.fstat(self._input).st_mode)
        self._max_pending = _MAX_PENDING if self._waits_for_input else 4 * config.helper.workers
        self._file = config.file
        self._poller = Poller()
        self._framer = Framer()
        self._lines: list[Line] = []  # read, and not taken yet
        self._out = bytearray()
        self._reading = True  # there may be more input
        self._wants = 0  # requests that are waited for
        self._only_what_is_there = False
        self._answer_until: float | None = None
        self._nobody_reads = False
        self._giving_up = False
        self._signals: list[int] = []
        self._tick = 0.0
        self._load_until = time.monotonic() + _LOADING
        self._log = Log(config.log)
        self._desk = RequestHandler(config, self._log)
        os.register_at_fork(after_in_child=self._desk.forget)  # a keeper, which has no use for it
        self._log.write(Level.MAJOR, f"extauth {VERSION} starts, pid {os.getpid()}, configuration {config.file}")
        self._pool = WorkerPool(config, keeper, self._poller, self._log, self._desk.decide, self._configure)

    def serve(self) -> None:
        """Run to the end. Raises ConfigError where the configuration cannot be served."""
        self._catch_signals()
        self._poller.watch(self._output, 0, self._on_output)
        try:
            self._serve()
        finally:
            self._pool.kill()
            kill_children()

    def _serve(self) -> None:
        while not self._is_over():
            self._poller.wait(self._time_to_wait())
            if self._signals:
                self._handle_signals()
            if self._pool.is_stirred or time.monotonic() >= self._next_time:
                self._tend()
            self._listen()
            self._write()
        self._end()

    def _tend(self) -> None:
        """What has to be done now and then."""
        if self._pool.refused is not None:
            raise ConfigError(self._pool.refused)
        self._pool.tend()
        self._desk.expire()
        self._tick = time.monotonic() + _TICK

    @property
    def _next_time(self) -> float:
        """When there is something to be done even if nothing comes (monotonic seconds)."""
        deadline = self._desk.next_deadline
        return self._tick if deadline is None or deadline > self._tick else deadline

    # --- input ----------------------------------------------------------------------------------------

    def _room(self) -> int:
        """How many requests may be taken now; none where it is not positive."""
        desk = self._desk
        if desk.pending_bytes > _MAX_PENDING_BYTES or len(self._out) > _MAX_OUTPUT:
            return 0
        if not self._pool.is_ready and time.monotonic() < self._load_until and not self._giving_up:
            return 0
        return self._max_pending - desk.pending

    def _listen(self) -> None:
        """Take what was read, as far as there is room; wait for more then, and for the end of input in any case."""
        if self._lines or self._desk.asks:
            self._take(self._room())
        if self._only_what_is_there and self._reading and not is_ready(self._input, READ):
            self._reading = False  # a line that has no end yet is none: more of it may be on its way
        self._wants = self._room() if self._reading and not self._lines else 0
        if self._wants > 0 or (self._reading and self._answer_until is None):
            self._poller.watch(self._input, READ if self._wants > 0 else 0, self._on_input)
        else:
            self._poller.forget(self._input)

    def _on_input(self, events: int) -> None:
        if events & HUNG_UP and self._waits_for_input:
            self._begin_to_end()
        if self._wants > 0:
            self._read(self._wants)

    def _read(self, room: int) -> None:
        try:
            chunk = os.read(self._input, _CHUNK)
        except OSError:  # as a terminal gives when it is gone
            chunk = b""
        if chunk:
            self._lines = self._framer.feed(chunk)
        else:
            self._stop_reading()
        self._take(room)

    def _stop_reading(self) -> None:
        self._reading = False
        self._lines += self._framer.finish()
        self._begin_to_end()

    def _take(self, room: int) -> None:
        """Take as many of the lines that were read as there is room for."""
        desk, lines = self._desk, self._lines
        if len(lines) > room:
            lines, self._lines = lines[: max(0, room)], lines[max(0, room) :]
        else:
            self._lines = []
        batch = desk.receive(lines)
        if batch.keys:
            if self._giving_up:
                desk.give_up(_STOPPING)
            else:
                self._pool.ask(batch)
        if desk.quit:
            self._reading, self._lines = False, []
            self._begin_to_end()

    # --- output ---------------------------------------------------------------------------------------

    def _write(self) -> None:
        """Write replies, and behind them what is for the Server Log: where that is much, when they are out."""
        self._log.flush()
        if self._desk.replies:
            self._out += b"".join(self._desk.replies)
            self._desk.replies.clear()
        if len(self._out) + len(self._log.for_server) <= _PIECE:
            self._out += self._log.take_for_server()
        if self._out:
            self._write_out()
        if self._log.for_server and not self._out:
            self._out += self._log.take_for_server()
            self._write_out()
        if not self._nobody_reads:
            self._poller.watch(self._output, WRITE if self._out else 0, self._on_output)

    def _write_out(self) -> None:
        """Write what the reader takes, whole lines at a time."""
        while self._out and not self._nobody_reads and self._output_poll.poll(0):
            end = len(self._out) if len(self._out) <= _PIECE else self._out.rindex(b"\n", 0, _PIECE) + 1
            try:
                written = os.write(self._output, memoryview(self._out)[:end])
            except OSError:
                self._nobody_reads = True
                return
            del self._out[:written]

    def _on_output(self, events: int) -> None:
        if events & HUNG_UP:
            self._nobody_reads = True

    # --- life and death -------------------------------------------------------------------------------

    def _time_to_wait(self) -> float:
        if self._lines and self._room() > 0:
            return 0.0
        until = self._next_time
        if self._answer_until is not None:
            until = min(until, self._answer_until)
            if self._only_what_is_there and self._reading:
                until = min(until, time.monotonic() + _GLANCE)
        return until - time.monotonic()

    def _begin_to_end(self) -> None:
        if self._answer_until is None:
            self._answer_until = time.monotonic() + _ANSWERING

    def _is_over(self) -> bool:
        if self._nobody_reads:
            return True
        if self._answer_until is None:
            return False
        if time.monotonic() >= self._answer_until:
            return True
        waiting = self._lines or self._desk.pending or self._desk.replies or self._out or self._log.for_server
        return not self._reading and not waiting

    def _end(self) -> None:
        """Answer what is left, say goodbye, and leave no process behind."""
        self._giving_up = True
        self._poller.forget(self._input)
        self._turn_until(self._has_said_goodbye, _SAYING_GOODBYE)
        if self._desk.quit:
            self._desk.replies.append(render_reply(Reply(self._desk.quit.number, "OK")))
            self._write()
        self._poller.forget(self._output)
        if self._answer_until is not None:
            self._turn_until(self._pool.end, min(_ENDING, self._answer_until - time.monotonic()))
        self._pool.kill()
        self._turn_until(self._pool.end, _KILLING)

    def _has_said_goodbye(self) -> bool:
        """Answer what waits and what is still there to be read; whether that is written, or never will be."""
        self._desk.give_up(_STOPPING)
        self._take(self._room())
        while not self._lines and self._reading and (room := self._room()) > 0 and is_ready(self._input, READ):
            self._read(room)
        self._write()
        return self._nobody_reads or not (self._out or self._lines or self._log.for_server)

    def _turn_until(self, is_done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_done() and time.monotonic() < until:
            self._poller.wait(0.01)
            self._write()

    def _configure(self, config: Config) -> None:
        self._desk.configure(config)
        self._log.configure(config.log)

    def _catch_signals(self) -> None:
        bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

        def on_bell(events: int) -> None:
            with contextlib.suppress(BlockingIOError):
                self._signals += os.read(bell, 4096)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        self._poller.watch(bell, READ, on_bell)

    def _handle_signals(self) -> None:
        signals, self._signals = set(self._signals), []
        if signals & {signal.SIGTERM, signal.SIGINT}:
            self._only_what_is_there = self._waits_for_input
            self._begin_to_end()
        if signal.SIGHUP in signals:
            self._log.reopen()
            try:
                self._pool.reload(read_config(self._file))
            except ConfigError as error:
                self._log.write(Level.FAILURES, f"cannot read anew, what was read before stays: {error}")

"""The supervisor of a generation: a process that loads the chain, forks the workers and reaps them.

It holds no request. After the chain is loaded it runs no backend's code and opens no file outside of /proc, so it never
waits for a disk. When the frontend ends, for any reason, the supervisor kills what it has started and ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import NoReturn

from extauth.backends.file_history import NO_HISTORY, FileHistory
from extauth.chain import Chain, build_chain
from extauth.chain.call_marks import CallMarks
from extauth.chain.imports import check_imports
from extauth.config import ConfigSource, parse_config
from extauth.guard import GuardedErrors, call_guarded
from extauth.log_levels import Level
from extauth.protocol.replies import one_line
from extauth.workers.file_watcher import FileWatcher
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.log_forwarding import forward_logs_to
from extauth.workers.messages import (
    CHUNK,
    ConfigRead,
    FromSupervisor,
    GenerationLoaded,
    GenerationRefused,
    LogMessage,
    MessageReader,
    WorkerCommand,
    WorkerEnded,
    WorkerStarted,
    encode,
)
from extauth.workers.process_setup import forbid_setuid, start_collecting_garbage
from extauth.workers.process_tree import (
    ChildProcess,
    adopt_orphans,
    become_child,
    die_with_parent,
    ended_child,
    how_it_ended,
    kill_children,
    set_process_title,
    start_child,
)
from extauth.workers.worker import Worker

_MEMORY_INTERVAL = 1.0  # seconds between two looks at the workers' memory
_TICK = 0.25  # seconds between two rounds of maintenance
_NICENESS = 5  # so that the frontend, which replies from its cache, does not wait for processes that compute
_PAGE = os.sysconf("SC_PAGE_SIZE")


def start_supervisor(source: ConfigSource, history: FileHistory = NO_HISTORY) -> ChildProcess:
    """Fork a supervisor, which reads the configuration. `history`: what earlier loads have read.

    Raise OSError.
    """
    parent = os.getpid()

    def run(sock: socket.socket) -> NoReturn:
        Supervisor(sock).run(source, history, parent)

    return start_child("supervisor", run, dies_with_parent=True, niceness=_NICENESS)  # its backends may hang


class Supervisor:
    """Loads a generation, then carries out the frontend's commands until the frontend ends."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._workers: dict[int, int] = {}  # process id -> number
        self._reader = MessageReader(WorkerCommand)
        self._descriptors: list[int] = []
        self._next_memory_look = 0.0
        self._allow_setuid = False

    def run(self, source: ConfigSource, history: FileHistory, parent: int) -> NoReturn:
        """Serve until the frontend ends, then end the process. If the configuration cannot be served, say why."""
        try:
            call_guarded(self._run, source, history, parent)
        except GuardedErrors as error:
            self._send(GenerationRefused(one_line(str(error))))
            kill_children()
        os._exit(1)

    def _run(self, source: ConfigSource, history: FileHistory, parent: int) -> NoReturn:
        adopt_orphans()
        forward_logs_to(self._send)
        gc.disable()  # tables of a million accounts have no cycles, and a collection would take long
        source = source.read()
        config = parse_config(source)
        check_imports(allow_unsafe=config.helper.allow_unsafe_files)
        self._allow_setuid = config.helper.allow_setuid
        self._send(ConfigRead(FrontendConfig.of(config), source.content or b""))
        chain = build_chain(config, history)
        seen = chain.load()
        start_collecting_garbage()
        die_with_parent(parent, enabled=False)  # from here on this process notices the end itself and cleans up first
        summary = one_line(chain.describe())
        files = [path for path, signature in seen.items() if signature is not None]
        self._send(GenerationLoaded(files, summary, chain.file_contents(), chain.damaged_files()))
        self._serve(chain, FileWatcher(seen), config.helper.worker_memory)
        kill_children()
        os._exit(0)

    def _serve(self, chain: Chain, watcher: FileWatcher, memory: int) -> None:
        deaths, deaths_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(deaths_writer, warn_on_full_buffer=False)
        while True:
            ready = _wait_for_readable(self._socket.fileno(), deaths, watcher.descriptor)
            if deaths in ready:
                os.read(deaths, 4096)
                self._reap_children()
            if watcher.descriptor in ready:
                for message in watcher.receive():
                    self._send(message)
            if self._socket.fileno() in ready and not self._handle_commands(chain):
                return
            self._kill_large_workers(memory)
            with contextlib.suppress(OSError):  # no process can be started now: the next round tries again
                watcher.start_if_missing()

    def _kill_large_workers(self, memory: int) -> None:
        now = time.monotonic()
        if now < self._next_memory_look:
            return
        self._next_memory_look = now + _MEMORY_INTERVAL
        for process, number in self._workers.items():
            with contextlib.suppress(OSError):
                grown = _resident(str(process)) - _resident("self")
                if grown > memory:
                    why = f"worker {number} has grown by {grown} MiB, more than helper.worker_memory = {memory}"
                    self._send(LogMessage(Level.FAILURES, f"{why}; killing it"))
                    os.kill(process, signal.SIGKILL)

    def _handle_commands(self, chain: Chain) -> bool:
        """Carry out the frontend's commands. Return False when the frontend has ended."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, CHUNK, 16)
        except ConnectionResetError:
            return False
        self._descriptors += descriptors
        for command in self._reader.feed(data):
            if command.kill:
                self._kill(command.worker)
            else:
                self._fork_worker(chain, command.worker, self._descriptors.pop(0), self._descriptors.pop(0))
        return bool(data)

    def _fork_worker(self, chain: Chain, number: int, descriptor: int, marks: int) -> None:
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError as error:
            os.close(descriptor)
            os.close(marks)
            self._send(WorkerEnded(number, f"could not be started: {error.strerror}"))
            return
        if child:
            os.close(descriptor)
            os.close(marks)
            self._workers[child] = number
            self._send(WorkerStarted(number, child))
            return
        try:
            become_child([descriptor, marks])
            die_with_parent(parent)
            if not self._allow_setuid:
                forbid_setuid()
            set_process_title(f"extauth: worker {number}")
            shared = CallMarks(marks)
            os.close(marks)
            Worker(chain, socket.socket(fileno=descriptor), shared).run()
        finally:
            os._exit(1)

    def _kill(self, number: int) -> None:
        for process in [process for process, its_number in self._workers.items() if its_number == number]:
            os.kill(process, signal.SIGKILL)

    def _reap_children(self) -> None:
        """Reap what has ended. Kill what a worker that has ended started, which is in its process group."""
        while (ended := ended_child()) is not None:
            number = self._workers.pop(ended.si_pid, None)
            if number is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(ended.si_pid, signal.SIGKILL)
            os.waitpid(ended.si_pid, os.WNOHANG)
            if number is not None:
                self._send(WorkerEnded(number, how_it_ended(ended)))

    def _send(self, message: FromSupervisor) -> None:
        with contextlib.suppress(OSError):  # the frontend has ended: that is noticed when this process reads
            self._socket.sendall(encode(message))


def _wait_for_readable(*descriptors: int | None) -> list[int]:
    """Return the descriptors that are readable, at the latest when it is time for maintenance."""
    poll = select.poll()
    for descriptor in descriptors:
        if descriptor is not None:
            poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(_TICK * 1000)]


def _resident(process: str) -> int:
    """Return the resident memory of a process in MiB."""
    return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE // 2**20

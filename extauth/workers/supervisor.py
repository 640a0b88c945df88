"""The keeper of a generation: a process that loads the chain, forks the workers and buries them.

It holds no request and runs no backend's code once the chain is loaded: what may hang in it is a look at the files.
When the front process is gone, by whatever death, it kills what it has started and ends.
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

from extauth.chain import Chain, build_chain
from extauth.chain.plugins import restrict_import_path
from extauth.config import Config
from extauth.errors import ConfigError, UnexpectedError
from extauth.guard import call_guarded
from extauth.log_levels import Level
from extauth.protocol.replies import one_line
from extauth.workers.file_watch import FileWatch
from extauth.workers.log_forwarding import forward_logs_to
from extauth.workers.messages import (
    CHUNK,
    Changed,
    Command,
    Ended,
    FromSupervisor,
    Loaded,
    LogRecord,
    MessageReader,
    Refused,
    Started,
    encode,
    seen_on_the_way,
)
from extauth.workers.process_tree import adopt_orphans, become_child, die_with_parent, kill_children
from extauth.workers.worker import Worker

_LOOK_AT_MEMORY = 1.0  # seconds
_LOOK_AT_FILES = 0.25  # seconds
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Supervisor:
    """Loads, then does what the front process says until that is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._workers: dict[int, int] = {}  # process id -> number
        self._inbox = MessageReader(Command)
        self._descriptors: list[int] = []
        self._watch = FileWatch()
        self._next_look = 0.0

    def run(self, config: Config, before: frozenset[Path], parent: int) -> NoReturn:
        """Never returns: ends the process. Where there is nothing to serve, it says why."""
        try:
            call_guarded(self._run, config, before, parent)
        except (ConfigError, UnexpectedError) as error:
            self._send(Refused(one_line(str(error))))
            kill_children()
        os._exit(1)

    def _run(self, config: Config, before: frozenset[Path], parent: int) -> NoReturn:
        adopt_orphans()
        forward_logs_to(self._send)
        restrict_import_path()
        gc.disable()  # tables of a million accounts hold no cycles, and looking for them takes long
        chain = build_chain(config, before)
        seen = chain.load()
        self._watch.start(seen)
        gc.freeze()  # what is loaded stays shared with the workers
        gc.enable()
        die_with_parent(parent, really=False)  # from here on this process sees the end itself, and tidies up first
        self._send(Loaded(seen_on_the_way(seen), one_line("; ".join(link.describe() for link in chain.links))))
        self._serve(chain, config.helper.worker_memory)
        kill_children()
        os._exit(0)

    def _serve(self, chain: Chain, memory: int) -> None:
        deaths, death_bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(death_bell, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(deaths, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(_LOOK_AT_FILES * 1000)]
            if deaths in ready:
                os.read(deaths, 4096)
                self._bury()
            if self._socket.fileno() in ready and not self._obey(chain):
                return
            self._kill_the_overgrown(memory)
            self._look_at_files()

    def _look_at_files(self) -> None:
        """Here and not in the front process: a file system that hangs holds up whoever looks."""
        if changed := self._watch.changed():
            self._watch.restart()  # what is refused is not tried again before it changes again
            self._send(Changed([one_line(str(path)) for path in changed]))

    def _kill_the_overgrown(self, memory: int) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_AT_MEMORY
        for process, number in self._workers.items():
            with contextlib.suppress(OSError):
                grown = _resident(str(process)) - _resident("self")
                if grown > memory:
                    why = f"worker {number} has grown by {grown} MiB, over helper.worker_memory = {memory}"
                    self._send(LogRecord(Level.FAILURES, f"{why}: killing it"))
                    os.kill(process, signal.SIGKILL)

    def _obey(self, chain: Chain) -> bool:
        """Do what the front process says; False when it is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, CHUNK, 16)
        except ConnectionResetError:
            return False
        self._descriptors += descriptors
        for command in self._inbox.feed(data):
            if command.kill:
                self._kill(command.worker)
            else:
                self._fork(chain, command.worker, self._descriptors.pop(0))
        return bool(data)

    def _fork(self, chain: Chain, number: int, descriptor: int) -> None:
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError as error:
            os.close(descriptor)
            self._send(Ended(number, f"could not be started: {error.strerror}"))
            return
        if child:
            os.close(descriptor)
            self._workers[child] = number
            self._send(Started(number))
            return
        try:
            become_child([descriptor])
            die_with_parent(parent)
            Worker(chain, socket.socket(fileno=descriptor)).run()
        finally:
            os._exit(1)

    def _kill(self, number: int) -> None:
        for process in [process for process, its in self._workers.items() if its == number]:
            os.kill(process, signal.SIGKILL)

    def _bury(self) -> None:
        """Bury the workers that are dead; what they had started, in their process group, goes with them."""
        while (found := _dead_child()) is not None:
            number = self._workers.pop(found.si_pid, None)
            if number is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(found.si_pid, signal.SIGKILL)
            os.waitpid(found.si_pid, 0)
            if number is not None:
                self._send(Ended(number, _how(found)))

    def _send(self, message: FromSupervisor) -> None:
        with contextlib.suppress(OSError):  # the front process is gone: its end is seen where it is read from
            self._socket.sendall(encode(message))


def _resident(process: str) -> int:
    """MiB."""
    return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE // 2**20


def _dead_child() -> os.waitid_result | None:
    """One that is not buried yet, and is not by this."""
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return None


def _how(death: os.waitid_result) -> str:
    if death.si_code == os.CLD_EXITED:
        return f"ended with status {death.si_status}"
    try:
        return f"was killed by {signal.Signals(death.si_status).name}"
    except ValueError:  # real-time signals have no name
        return f"was killed by signal {death.si_status}"

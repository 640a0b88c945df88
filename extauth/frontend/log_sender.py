"""Records on their way to the log writer. Nothing here waits for a file or for syslog."""

from __future__ import annotations

import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable

from extauth.frontend.children import EndingChildren, RestartPause
from extauth.frontend.descriptors import HUNG_UP, READ, WRITE, Poller
from extauth.workers.child_process import ChildProcess
from extauth.workers.log_destinations import LogDestinations
from extauth.workers.log_writer import (
    FromLogWriter,
    LogFailed,
    LogRecords,
    ReopenLog,
    start_log_writer,
)
from extauth.workers.messages import InvalidMessage, MessageReader, encode, receive

_MAX_WAITING = 2**22  # bytes of records that wait for the log writer: some 20,000 records; then records are dropped
_ENOUGH_ROOM = 2**21  # bytes: records are dropped until only so many wait
_PIECE = 2**16  # bytes of records in one message
_LEAVE_WITHIN = 5.0  # seconds that a log writer of an old configuration has to write what it got; then it is killed
_SHORT_WAIT = 0.002  # seconds


class LogSender:
    """Sends records to a log writer. Starts one, and starts another one if it dies.

    `inform` takes lines for the Server Log; `notice` takes those that belong into every log.
    """

    def __init__(self, poller: Poller, inform: Callable[[str], None], notice: Callable[[str], None]) -> None:
        self._poller = poller
        self._inform = inform
        self._notice = notice
        self._destinations: LogDestinations | None = None
        self._writer: ChildProcess | None = None
        self._reader = _new_reader()
        self._ending = EndingChildren()
        self._lines: list[bytes] = []
        self._datagrams: list[bytes] = []
        self._added = 0  # bytes in these two lists
        self._messages: deque[bytes] = deque()
        self._queued = 0  # bytes in these messages
        self._sent = 0  # bytes of the first message that are sent
        self._dropped = 0
        self._pause = RestartPause()

    @property
    def processes(self) -> set[int]:
        """The process ids of all log writers that have not been reaped."""
        return {*self._ending.processes, *([self._writer.pid] if self._writer is not None else [])}

    def configure(self, destinations: LogDestinations | None) -> None:
        """Send records to these destinations from now on, by a new log writer: the old one may hang."""
        if destinations == self._destinations:
            return
        self.flush()
        self._destinations = destinations
        if self._writer is not None:
            self._close_writer(self._writer, kill_at=time.monotonic() + _LEAVE_WITHIN)
        if destinations is None:
            self._messages.clear()
            self._queued = self._dropped = 0
        else:
            self._start(destinations)

    def reopen(self) -> None:
        """Let the log writer open the file again."""
        self.flush()
        message = encode(ReopenLog())
        if self._destinations is not None and (not self._messages or self._messages[-1] != message):
            self._put(message)

    def add(self, line: bytes, datagram: bytes) -> None:
        """Add a record: a line for the file, and a datagram for syslog, each empty if there is none."""
        if self._dropped or self._added + self._queued >= _MAX_WAITING:
            if not self._dropped:
                self._inform("cannot write the log: the log writer is too slow or hangs; dropping records")
            self._dropped += 1
            return
        if line:
            self._lines.append(line)
        if datagram:
            self._datagrams.append(datagram)
        self._added += len(line) + len(datagram)
        if self._added > _PIECE:
            self.flush()

    def flush(self) -> None:
        """Send the records that were added, as far as the log writer takes them."""
        if self._added:
            message = encode(LogRecords(b"".join(self._lines), self._datagrams))
            self._lines, self._datagrams, self._added = [], [], 0
            self._put(message)

    def maintain(self) -> None:
        """Reap log writers that have ended, and start another one if it is time. Call it at intervals."""
        self._ending.reap(time.monotonic())
        if self._destinations is not None and self._writer is None and self._pause.is_over():
            self._start(self._destinations)

    def close(self, within: float) -> None:
        """Let every log writer write what is left and end. Wait at most `within` seconds, then kill those that hang."""
        until = time.monotonic() + within
        self.flush()
        if self._destinations is not None and self._writer is None and self._messages:
            self._start(self._destinations)
        if self._writer is not None:
            self._send_rest(self._writer.socket, until)
            self._close_writer(self._writer, kill_at=until)
        while self._ending.processes and time.monotonic() < until:
            self._ending.reap(time.monotonic())
            time.sleep(_SHORT_WAIT)
        self._ending.reap(math.inf)

    def _put(self, message: bytes) -> None:
        self._messages.append(message)
        self._queued += len(message)
        self._send()

    def _send(self) -> None:
        """Send as much as the socket takes. The poller calls again when it takes more."""
        if self._writer is None:
            return
        while self._messages:
            try:
                self._sent += self._writer.socket.send(memoryview(self._messages[0])[self._sent :])
            except OSError:  # its buffer is full; or it has ended, which the poller notices
                break
            if self._sent == len(self._messages[0]):
                self._queued -= self._sent
                self._messages.popleft()
                self._sent = 0
        self._poller.register(self._writer.socket.fileno(), READ | WRITE if self._messages else READ, self._on_events)
        if self._dropped and self._queued < _ENOUGH_ROOM:
            dropped, self._dropped = self._dropped, 0
            self._notice(f"{dropped} records were dropped because the log writer was too slow")

    def _send_rest(self, sock: socket.socket, until: float) -> None:
        """Send what is left, as long as there is time. Then there is nothing more to read from this process."""
        while self._messages and (seconds := until - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(sock, WRITE)
            if any(events & HUNG_UP for _, events in poll.poll(seconds * 1000)):
                break
            self._send()

    def _start(self, destinations: LogDestinations) -> None:
        try:
            writer = start_log_writer(destinations)
        except OSError as error:
            self._inform(f"cannot write the log: cannot start the log writer: {error.strerror}")
            self._pause.begin()
            return
        writer.socket.setblocking(False)
        self._pause.has_started()
        self._writer, self._reader = writer, _new_reader()
        self._send()

    def _on_events(self, events: int) -> None:
        if self._writer is None:
            return
        if events & WRITE:
            self._send()
        if events & ~WRITE:
            self._receive(self._writer)

    def _receive(self, writer: ChildProcess) -> None:
        try:
            messages = receive(writer.socket, self._reader)
        except InvalidMessage:
            messages = None
        for message in messages or []:
            if isinstance(message, LogFailed):
                self._inform(f"cannot write the log: {message.log}: {message.reason}")
            else:
                lost = f"; {message.lost} records were lost" if message.lost else ""
                self._notice(f"{message.log}: works again{lost}")
        if messages is None:
            self._close_writer(writer, kill_at=0.0)
            self._pause.begin()
            self._notice("the log writer died; starting another one")

    def _close_writer(self, writer: ChildProcess, *, kill_at: float) -> None:
        """Let the log writer end. A message that it has in part is sent again, to the next one."""
        self._poller.unregister(writer.socket.fileno())
        writer.socket.close()
        self._ending.add(writer.pid, kill_at=kill_at)
        self._writer, self._sent = None, 0


def _new_reader() -> MessageReader[FromLogWriter]:
    return MessageReader(FromLogWriter)  # type: ignore[arg-type]  # a union

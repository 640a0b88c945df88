"""Records on their way to the log writer. Nothing here waits for a file or for syslog."""

from __future__ import annotations

import functools
from collections.abc import Callable

from extauth.frontend.descriptors import Poller
from extauth.frontend.side_process import SideProcess
from extauth.workers.log_destinations import LogDestinations
from extauth.workers.log_writer import (
    FromLogWriter,
    LogFailed,
    LogRecords,
    ReopenLog,
    start_log_writer,
)
from extauth.workers.messages import encode

_MAX_WAITING = 2**22  # bytes of records that wait for the log writer: some 20,000 records; then records are dropped
_ENOUGH_ROOM = 2**21  # bytes: records are dropped until only so many wait
_PIECE = 2**16  # bytes of records in one message
_LEAVE_WITHIN = 5.0  # seconds that a log writer of an old configuration has to write what it got; then it is killed


class LogSender:
    """Sends records to a log writer. Starts one, and starts another one if it dies.

    `inform` takes lines for the Server Log; `notice` takes those that belong into every log.
    """

    def __init__(self, poller: Poller, inform: Callable[[str], None], notice: Callable[[str], None]) -> None:
        self._inform = inform
        self._notice = notice
        self._destinations: LogDestinations | None = None
        self._lines: list[bytes] = []
        self._datagrams: list[bytes] = []
        self._added = 0  # bytes in these two lists
        self._dropped = 0
        self._writer = SideProcess(
            "the log writer",
            poller,
            FromLogWriter,
            notice,
            self._handle,
            keeps_unsent=True,
        )

    @property
    def processes(self) -> set[int]:
        """The process ids of all log writers that have not been reaped."""
        return self._writer.processes

    def configure(self, destinations: LogDestinations | None) -> None:
        """Send records to these destinations from now on, by a new log writer: the old one may hang."""
        if destinations == self._destinations:
            return
        self.flush()
        self._destinations = destinations
        start = functools.partial(start_log_writer, destinations) if destinations is not None else None
        self._writer.use(start, leave_within=_LEAVE_WITHIN)
        self._writer.maintain()
        if destinations is None:
            self._dropped = 0

    def reopen(self) -> None:
        """Let the log writer open the file again."""
        self.flush()
        self._writer.send(encode(ReopenLog()), once=True)

    def add(self, line: bytes, datagram: bytes) -> None:
        """Add a record: a line for the file, and a datagram for syslog, each empty if there is none."""
        if self._dropped or self._added + self._writer.unsent_bytes >= _MAX_WAITING:
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
        """Send the records that were added, as far as the log writer takes them. Call it often."""
        if self._added:
            message = encode(LogRecords(b"".join(self._lines), self._datagrams))
            self._lines, self._datagrams, self._added = [], [], 0
            self._writer.send(message)
        if self._dropped and self._writer.unsent_bytes < _ENOUGH_ROOM:
            dropped, self._dropped = self._dropped, 0
            self._notice(f"{dropped} records were dropped because the log writer was too slow")

    def maintain(self) -> None:
        """Reap log writers that have ended, and start another one if it is time. Call it at intervals."""
        self._writer.maintain()

    def close(self, within: float) -> None:
        """Let every log writer write what is left and end. Wait at most `within` seconds, then kill those that hang."""
        self.flush()
        self._writer.end_within(within)

    def _handle(self, message: FromLogWriter) -> None:
        if isinstance(message, LogFailed):
            self._inform(f"cannot write the log: {message.log}: {message.reason}")
        else:
            lost = f"; {message.lost} records were lost" if message.lost else ""
            self._notice(f"{message.log}: works again{lost}")

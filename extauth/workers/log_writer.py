"""The log writer: a process that writes the log file and sends to syslog, so that the frontend never waits for them.

A file system may hang (NFS without its server, a broken disk), and then the process that writes hangs, too. The
frontend sends records without waiting, and drops records when too many of them wait.

The log writer ends when its socket closes, after it has written everything that was sent. So it also writes the last
records of a frontend that was killed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import msgspec

from extauth.workers.log_destinations import LogDestinations, LogFailure, LogFile, Syslog
from extauth.workers.messages import CHUNK, InvalidMessage, MessageReader, encode
from extauth.workers.process_tree import ChildProcess, start_child

_HANGS_AFTER = 5.0  # seconds that a write takes when it is reported
_LOOK_INTERVAL = 1.0  # seconds between two looks whether a write hangs
_PAUSE = 0.01  # seconds after each write: many records make few writes, and do not wake this process one by one


class LogRecords(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Frontend to log writer: whole lines for the file, and datagrams for syslog."""

    lines: bytes
    datagrams: list[bytes]


class ReopenLog(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Frontend to log writer: open the file again, because it may have been renamed."""


class LogFailed(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Log writer to frontend: a log cannot be written, and why. Sent once until the log works again."""

    log: str
    reason: str


class LogRestored(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Log writer to frontend: a log can be written again, and how many records it did not get."""

    log: str
    lost: int


ToLogWriter = LogRecords | ReopenLog
FromLogWriter = LogFailed | LogRestored


def start_log_writer(destinations: LogDestinations) -> ChildProcess:
    """Fork a log writer. Raise OSError."""

    def run(sock: socket.socket) -> NoReturn:
        os.umask(0)  # the file gets the mode that is configured
        LogWriter(sock, destinations).run()

    return start_child("log writer", run, dies_with_parent=False)


class LogWriter:
    """Writes what comes over the socket. A second thread reports a write that hangs."""

    def __init__(self, sock: socket.socket, destinations: LogDestinations) -> None:
        self._socket = sock
        self._reader: MessageReader[ToLogWriter] = MessageReader(ToLogWriter)  # type: ignore[arg-type]  # a union
        self._file = LogFile(destinations.file, destinations.file_mode) if destinations.file is not None else None
        self._syslog = Syslog() if destinations.syslog else None
        self._lock = threading.Lock()  # protects what follows, and the order of reports
        self._under_way: tuple[str, float] | None = None  # the log that is written, and since when (monotonic seconds)
        self._lost: dict[str, int] = {}  # logs that have failed, and how many records they did not get

    def run(self) -> NoReturn:
        """Serve until the socket closes, then end the process."""
        with contextlib.suppress(RuntimeError):  # the limit on processes is reached: hanging is not reported then
            threading.Thread(target=self._report_hanging, daemon=True).start()
        with contextlib.suppress(InvalidMessage, ConnectionResetError):
            while data := self._socket.recv(CHUNK):
                self._handle(self._reader.feed(data))
                if len(data) < CHUNK:
                    time.sleep(_PAUSE)
        os._exit(0)

    def _handle(self, messages: list[ToLogWriter]) -> None:
        """Write the lines of all messages at once. The file comes first: syslog may not read."""
        lines: list[bytes] = []
        datagrams: list[bytes] = []
        for message in messages:
            if isinstance(message, LogRecords):
                lines.append(message.lines)
                datagrams += message.datagrams
            elif self._file is not None:
                self._write_lines(lines)
                lines = []
                self._file.reopen()
        self._write_lines(lines)
        if (syslog := self._syslog) is not None and datagrams:
            self._call(syslog.name, lambda: syslog.send(datagrams))

    def _write_lines(self, lines: list[bytes]) -> None:
        if (file := self._file) is not None and lines:
            self._call(file.name, lambda: file.write(b"".join(lines)))

    def _call(self, log: str, write: Callable[[], LogFailure | None]) -> None:
        """Write to a log. The call may hang."""
        with self._lock:
            self._under_way = log, time.monotonic()
        failure = write()
        with self._lock:
            self._under_way = None
            self._report(log, failure)

    def _report(self, log: str, failure: LogFailure | None) -> None:
        """Tell the frontend that a log has failed, or that it works again."""
        if failure is not None:
            if log not in self._lost:
                self._send(LogFailed(log, failure.reason))
            self._lost[log] = self._lost.get(log, 0) + failure.lost
        elif log in self._lost:
            self._send(LogRestored(log, self._lost.pop(log)))

    def _report_hanging(self) -> None:
        while True:
            time.sleep(_LOOK_INTERVAL)
            with self._lock:
                if self._under_way is None:
                    continue
                log, since = self._under_way
                if log not in self._lost and time.monotonic() - since >= _HANGS_AFTER:
                    self._report(log, LogFailure(f"a write takes longer than {_HANGS_AFTER:g} s", 0))

    def _send(self, message: FromLogWriter) -> None:
        with contextlib.suppress(OSError):  # the frontend has ended, or has closed its socket
            self._socket.sendall(encode(message))

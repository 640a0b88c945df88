"""Where records go besides the Server Log: a file, and syslog. These calls may hang, so the log writer makes them."""

from __future__ import annotations

import os
import select
import socket
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from extauth.config import LogSettings
from extauth.errors import UnsafeFile
from extauth.trust import check_log_file, open_log_file

_SYSLOG = "/dev/log"
_SYSLOG_READS_WITHIN = 1.0  # seconds


class LogDestinations(msgspec.Struct, frozen=True):
    """The log file, its mode if it is new, and whether records go to syslog."""

    file: Path | None
    file_mode: int
    syslog: bool


class LogFailure(NamedTuple):
    """Why records could not be written, and how many."""

    reason: str
    lost: int


class LogFile:
    """The log file. It is opened when there is something to write, and again if it was renamed.

    Its mode is exact only with the umask 0.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self.name = f"log.file = {path}"
        self._path = path
        self._mode = mode
        self._descriptor: int | None = None
        self._is_cut = False  # the last line has no end

    def write(self, lines: bytes) -> LogFailure | None:
        """Add lines to the file. Return what went wrong."""
        rest = memoryview(lines)
        try:
            if self._descriptor is not None and self._was_moved(self._descriptor):
                self.reopen()
            if self._is_cut:
                rest = memoryview(b"\n" + lines)
            if self._descriptor is None:
                self._descriptor = open_log_file(self._path, self._mode)
            while rest:
                written = os.write(self._descriptor, rest)
                self._is_cut = rest[written - 1] != ord("\n")
                rest = rest[written:]
        except (OSError, UnsafeFile) as error:
            self._close()
            return LogFailure(_reason(error), bytes(rest).count(b"\n"))
        return None

    def _was_moved(self, descriptor: int) -> bool:
        """Return whether the file was renamed or removed, as logrotate does it."""
        try:
            return not os.path.samestat(self._path.lstat(), os.fstat(descriptor))
        except FileNotFoundError:
            return True

    def reopen(self) -> None:
        """Open the file again before the next line: it may have been renamed."""
        self._close()
        self._is_cut = False

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


class Syslog:
    """The socket of syslog. It is connected when there is something to send."""

    name = f"log.syslog: {_SYSLOG}"

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._is_reading = True  # if not, nothing waits for it

    def send(self, datagrams: list[bytes]) -> LogFailure | None:
        """Send records. Return the last thing that went wrong."""
        reasons = [reason for datagram in datagrams if (reason := self._send(datagram))]
        return LogFailure(reasons[-1], len(reasons)) if reasons else None

    def _send(self, datagram: bytes) -> str | None:
        """Send one record. Return why it was not sent. A restarted syslog is connected to again."""
        until = time.monotonic() + _SYSLOG_READS_WITHIN
        while True:
            is_new = self._socket is None
            try:
                if self._socket is None:
                    self._socket = _connect_to_syslog()
                self._socket.send(datagram)
            except BlockingIOError:
                seconds = until - time.monotonic() if self._is_reading else 0.0
                self._is_reading = self._socket is not None and _is_writable(self._socket, seconds)
                if not self._is_reading:
                    return "it does not read"
            except OSError as error:
                self._close()
                if is_new:
                    return error.strerror
            else:
                self._is_reading = True
                return None

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def log_problems(settings: LogSettings) -> list[str]:
    """Say which configured logs cannot be written now, and why. Write and create nothing."""
    problems = []
    if settings.file is not None:
        try:
            check_log_file(settings.file)
        except (OSError, UnsafeFile) as error:
            problems.append(f"log.file = {settings.file}: {_reason(error)}")
    if settings.syslog is not None:
        try:
            _connect_to_syslog().close()
        except OSError as error:
            problems.append(f"{Syslog.name}: {error.strerror}")
    return problems


def _reason(error: OSError | UnsafeFile) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else str(error)


def _connect_to_syslog() -> socket.socket:
    """Return a socket to syslog. Raise OSError."""
    syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        syslog.connect(_SYSLOG)
    except OSError:
        syslog.close()
        raise
    return syslog


def _is_writable(sock: socket.socket, seconds: float) -> bool:
    """Wait at most `seconds` until something can be sent. Return whether it can."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(max(0.0, seconds) * 1000))

"""The log: `*` lines for the Server Log, and if configured a file or syslog."""

from __future__ import annotations

import os
import re
import socket
import time

import msgspec

from extauth.config import LogSettings
from extauth.log_levels import LEVEL_NAMES, Level
from extauth.protocol.replies import one_line, render_clean_information, render_information

_is_plain = re.compile(r"[!#-<>-~]+").fullmatch
_MAX_VALUE = 256  # characters
_NAMES = {level: level.name.replace("_", " ").title() for level in Level}
_FACILITIES = {"user": 1, "mail": 2, "daemon": 3, "auth": 4, "authpriv": 10} | {f"local{n}": 16 + n for n in range(8)}
_SEVERITIES = {Level.CRASHES: 2, Level.FAILURES: 3, Level.MAJOR: 5, Level.PROBLEMS: 4, Level.LOW_LEVEL: 6}
_SYSLOG = "/dev/log"
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
_MAX_FOR_MAIL_SERVER = 2**18  # bytes


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """The log record of a request: the text before the time that it took, and the text after it."""

    level: Level
    before: str
    after: str


class Log:
    """Writes records of the configured levels. If a log cannot be written, this is reported once and delays no request.

    `for_mail_server` holds the lines for the Server Log, which the caller writes to standard output.
    """

    def __init__(self, settings: LogSettings) -> None:
        self.for_mail_server = bytearray()
        self._file: int | None = None
        self._lines: list[bytes] = []
        self._second, self._timestamp_text = 0, ""
        self._syslog: socket.socket | None = None
        self._reported: set[str] = set()
        self.configure(settings)

    def configure(self, settings: LogSettings) -> None:
        """Use these settings from now on, and open their file and syslog again."""
        self.flush()
        self._settings = settings
        self._mail_server_level = LEVEL_NAMES[settings.mail_server_level]
        self._level = LEVEL_NAMES[settings.level] if settings.file or settings.syslog else None
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._syslog is not None:
            self._syslog.close()
            self._syslog = None

    def reopen(self) -> None:
        """Open the file again: it may have been renamed."""
        self.configure(self._settings)

    def wants(self, level: Level) -> bool:
        """Return whether any log takes a record of this level."""
        if level <= self._mail_server_level and len(self.for_mail_server) < _MAX_FOR_MAIL_SERVER:
            return True
        return self._level is not None and level <= self._level

    def write(self, level: Level, text: str) -> None:
        """Write one record. Any `text` becomes one line."""
        self.write_line(level, one_line(text))

    def write_line(self, level: Level, line: str) -> None:
        """Write one record that is a clean line already: it consists of our own words and of `log_value` texts."""
        if level <= self._mail_server_level:
            self._put(render_clean_information(line))
        if self._level is not None and level <= self._level:
            if self._settings.file:
                self._lines.append(f"{self._timestamp()} [{os.getpid()}] {_NAMES[level]}: {line}\n".encode())
            if self._settings.syslog:
                self._write_to_syslog(level, line)

    def write_request(self, record: RequestRecord, seconds: float) -> None:
        """Write the record of a request that took so many seconds."""
        self.write_line(record.level, f"{record.before}{seconds:.6f}{record.after}")

    def _timestamp(self) -> str:
        """Return date and time. The text is made once a second, because that takes as long as the rest of a record."""
        second = int(time.time())
        if second != self._second:
            self._second, self._timestamp_text = second, time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
        return self._timestamp_text

    def inform(self, text: str) -> None:
        """Write a line to the Server Log at any level. It is lost if the mail server is too slow to read."""
        self._put(render_information(text))

    def _put(self, information: bytes) -> None:
        if len(self.for_mail_server) < _MAX_FOR_MAIL_SERVER:
            self.for_mail_server += information

    def take_for_mail_server(self) -> bytearray:
        """Take the lines for the Server Log, which the caller writes."""
        lines, self.for_mail_server = self.for_mail_server, bytearray()
        return lines

    def flush(self) -> None:
        """Write the collected lines to the file."""
        if not self._lines:
            return
        lines, self._lines = b"".join(self._lines), []
        try:
            if self._file is None:
                self._file = _open_file(str(self._settings.file), self._settings.file_mode)
            written = os.write(self._file, lines)
            if written < len(lines):
                self._lines = [lines[written:]]
            self._reported.discard("file")
        except OSError as error:
            self._report_once("file", f"log.file = {self._settings.file}: {error.strerror}")

    def _write_to_syslog(self, level: Level, line: str) -> None:
        priority = _FACILITIES[self._settings.syslog or "mail"] * 8 + _SEVERITIES.get(level, 7)
        record = f"<{priority}>extauth[{os.getpid()}]: {line}".encode()
        try:
            if self._syslog is None:
                self._syslog = _connect_to_syslog()
            self._syslog.send(record)
            self._reported.discard("syslog")
        except OSError as error:
            if self._syslog is not None:
                self._syslog.close()
                self._syslog = None
            self._report_once("syslog", f"log.syslog: {_SYSLOG}: {error.strerror}")

    def _report_once(self, what: str, text: str) -> None:
        if what not in self._reported:
            self._reported.add(what)
            self.inform(f"cannot write the log: {text}")


def _open_file(path: str, mode: int) -> int:
    """Open the log file for appending. Return its descriptor. A new file gets this mode, whatever the umask is."""
    try:
        descriptor = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, mode & 0o600)
    except FileExistsError:
        return os.open(path, _APPEND | os.O_CREAT, mode & 0o600)  # a link to a file that does not exist yet, perhaps
    os.fchmod(descriptor, mode)
    return descriptor


def log_problems(settings: LogSettings) -> list[str]:
    """Say which configured logs cannot be written now, and why. Write and create nothing."""
    problems = []
    if settings.file is not None:
        folder = settings.file.parent
        try:
            if settings.file.exists():
                os.close(os.open(settings.file, _APPEND))
            else:
                os.close(os.open(folder, _FOLDER))
                if not os.access(folder, os.W_OK | os.X_OK):
                    problems.append(f"log.file = {settings.file}: cannot create a file in {folder}")
        except OSError as error:
            problems.append(f"log.file = {settings.file}: {error.strerror}")
    if settings.syslog is not None:
        try:
            _connect_to_syslog().close()
        except OSError as error:
            problems.append(f"log.syslog: {_SYSLOG}: {error.strerror}")
    return problems


def _connect_to_syslog() -> socket.socket:
    """Return a socket to syslog. Raise OSError."""
    syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        syslog.connect(_SYSLOG)
    except OSError:
        syslog.close()
        raise
    return syslog


def log_value(value: str) -> str:
    """Return `value` as it stands after `key=` in a clean line: quoted as in JSON unless it is plain."""
    if len(value) > _MAX_VALUE:
        value = value[:_MAX_VALUE] + "..."
    return value if _is_plain(value) else one_line(msgspec.json.encode(value).decode())

"""The log: `*` lines for the Server Log, and where the site wants it a file or syslog."""

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
_MAX_VALUE = 256
_NAMES = {level: level.name.replace("_", " ").title() for level in Level}
_FACILITIES = {"user": 1, "mail": 2, "daemon": 3, "auth": 4, "authpriv": 10} | {f"local{n}": 16 + n for n in range(8)}
_SEVERITIES = {Level.CRASHES: 2, Level.FAILURES: 3, Level.MAJOR: 5, Level.PROBLEMS: 4, Level.LOW_LEVEL: 6}
_SYSLOG = "/dev/log"
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
_MAX_FOR_SERVER = 2**18  # bytes


class Record(msgspec.Struct, frozen=True, gc=False):
    """What became of a request, but for how long it took: the text before that, and behind it."""

    level: Level
    before: str
    after: str


class Log:
    """Writes records where their level is wanted. A log that cannot be written is reported once and holds nobody up.

    What is for the Server Log is left in `for_server`, lines for standard output.
    """

    def __init__(self, settings: LogSettings) -> None:
        self.for_server = bytearray()
        self._file: int | None = None
        self._lines: list[bytes] = []
        self._second, self._stamped = 0, ""
        self._syslog: socket.socket | None = None
        self._complained: set[str] = set()
        self.configure(settings)

    def configure(self, settings: LogSettings) -> None:
        """Take these settings from now on, and open what they name anew."""
        self.flush()
        self._settings = settings
        self._server_level = LEVEL_NAMES[settings.mail_server_level]
        self._other_level = LEVEL_NAMES[settings.level] if settings.file or settings.syslog else None
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._syslog is not None:
            self._syslog.close()
            self._syslog = None

    def reopen(self) -> None:
        """Open the file anew, that somebody may have moved away."""
        self.configure(self._settings)

    def wants(self, level: Level) -> bool:
        """Whether a record of this level is written anywhere."""
        if level <= self._server_level and len(self.for_server) < _MAX_FOR_SERVER:
            return True
        return self._other_level is not None and level <= self._other_level

    def write(self, level: Level, text: str) -> None:
        """Write one record; whatever is in `text`, it is one line."""
        self.write_line(level, one_line(text))

    def write_line(self, level: Level, line: str) -> None:
        """Write one record that is a clean line already: made of what is `shown`, and of our own words."""
        if level <= self._server_level:
            self._put(render_clean_information(line))
        if self._other_level is not None and level <= self._other_level:
            if self._settings.file:
                self._lines.append(f"{self._stamp()} [{os.getpid()}] {_NAMES[level]}: {line}\n".encode())
            if self._settings.syslog:
                self._to_syslog(level, line)

    def tell(self, record: Record, seconds: float) -> None:
        """Write what became of a request, and that it took so many seconds."""
        self.write_line(record.level, f"{record.before}{seconds:.6f}{record.after}")

    def _stamp(self) -> str:
        """Date and time; made once a second, since that takes as long as all the rest of a record."""
        second = int(time.time())
        if second != self._second:
            self._second, self._stamped = second, time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
        return self._stamped

    def inform(self, text: str) -> None:
        """Tell the server, at whatever level; what it is too far behind to read is lost."""
        self._put(render_information(text))

    def _put(self, information: bytes) -> None:
        if len(self.for_server) < _MAX_FOR_SERVER:
            self.for_server += information

    def take_for_server(self) -> bytearray:
        """What is for the Server Log, that the caller writes from here on."""
        lines, self.for_server = self.for_server, bytearray()
        return lines

    def flush(self) -> None:
        """Write to the file what has come together."""
        if not self._lines:
            return
        lines, self._lines = b"".join(self._lines), []
        try:
            if self._file is None:
                self._file = os.open(str(self._settings.file), _APPEND | os.O_CREAT, 0o640)
            written = os.write(self._file, lines)
            if written < len(lines):
                self._lines = [lines[written:]]
            self._complained.discard("file")
        except OSError as error:
            self._complain("file", f"log.file = {self._settings.file}: {error.strerror}")

    def _to_syslog(self, level: Level, line: str) -> None:
        priority = _FACILITIES[self._settings.syslog or "mail"] * 8 + _SEVERITIES.get(level, 7)
        record = f"<{priority}>extauth[{os.getpid()}]: {line}".encode()
        try:
            if self._syslog is None:
                self._syslog = _connected_to_syslog()
            self._syslog.send(record)
            self._complained.discard("syslog")
        except OSError as error:
            if self._syslog is not None:
                self._syslog.close()
                self._syslog = None
            self._complain("syslog", f"log.syslog: {_SYSLOG}: {error.strerror}")

    def _complain(self, what: str, text: str) -> None:
        if what not in self._complained:
            self._complained.add(what)
            self.inform(f"cannot write the log: {text}")


def problems_with(settings: LogSettings) -> list[str]:
    """Which of the logs that are configured cannot be written now, and why; none is written, nor made."""
    problems = []
    if settings.file is not None:
        folder = settings.file.parent
        try:
            if settings.file.exists():
                os.close(os.open(settings.file, _APPEND))
            else:
                os.close(os.open(folder, _FOLDER))
                if not os.access(folder, os.W_OK | os.X_OK):
                    problems.append(f"log.file = {settings.file}: cannot be made in {folder}")
        except OSError as error:
            problems.append(f"log.file = {settings.file}: {error.strerror}")
    if settings.syslog is not None:
        try:
            _connected_to_syslog().close()
        except OSError as error:
            problems.append(f"log.syslog: {_SYSLOG}: {error.strerror}")
    return problems


def _connected_to_syslog() -> socket.socket:
    """Raises OSError."""
    syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        syslog.connect(_SYSLOG)
    except OSError:
        syslog.close()
        raise
    return syslog


def shown(value: str) -> str:
    """`value` as it stands behind `key=`, in one clean line: quoted as in JSON where it is not plain."""
    if len(value) > _MAX_VALUE:
        value = value[:_MAX_VALUE] + "..."
    return value if _is_plain(value) else one_line(msgspec.json.encode(value).decode())

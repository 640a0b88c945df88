"""The log: `*` lines for the Server Log, and if configured a file or syslog, which the log writer writes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping

import msgspec

from extauth.config import LogSettings
from extauth.frontend.descriptors import Poller
from extauth.frontend.log_sender import LogSender
from extauth.log_levels import LEVEL_NAMES, Level
from extauth.protocol.replies import one_line, render_clean_information, render_information
from extauth.workers.log_destinations import LogDestinations

_is_plain = re.compile(r"[!#-<>-~]+").fullmatch
_MAX_VALUE = 256  # characters
_NAMES = {level: level.name.replace("_", " ").title() for level in Level}
_LEVELS = {level: name for name, level in LEVEL_NAMES.items()}
_FACILITIES = {"user": 1, "mail": 2, "daemon": 3, "auth": 4, "authpriv": 10} | {f"local{n}": 16 + n for n in range(8)}
_SEVERITIES = {Level.CRASHES: 2, Level.FAILURES: 3, Level.MAJOR: 5, Level.PROBLEMS: 4, Level.LOW_LEVEL: 6}
_MAX_FOR_MAIL_SERVER = 2**18  # bytes


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """The log record of a request: the text before the time that it took, and the text after it.

    `members`: the same for a log of JSON, see `json_members`; empty if there is none.
    """

    level: Level
    before: str
    after: str
    members: str = ""


class Log:
    """Makes records of the configured levels. A log that cannot be written is reported once and delays no request.

    `for_mail_server` holds the lines for the Server Log, which the caller writes to standard output.
    """

    def __init__(self, settings: LogSettings, poller: Poller) -> None:
        self.for_mail_server = bytearray()
        self._second, self._timestamp_text = 0, ""
        self._sender = LogSender(poller, self.inform, self._write_to_every_log)
        self.configure(settings)

    @property
    def processes(self) -> set[int]:
        """The process ids of log writers."""
        return self._sender.processes

    def configure(self, settings: LogSettings) -> None:
        """Use these settings from now on."""
        self._settings = settings
        self._mail_server_level = LEVEL_NAMES[settings.mail_server_level]
        self._level: Level | None = None
        destinations = None
        self.is_json = settings.format == "json" and bool(settings.file or settings.syslog)
        if settings.file or settings.syslog:
            self._level = LEVEL_NAMES[settings.level]
            destinations = LogDestinations(settings.file, settings.file_mode, syslog=settings.syslog is not None)
        self._sender.configure(destinations)

    def reopen(self) -> None:
        """Let the file be opened again: it may have been renamed."""
        self._sender.reopen()

    def maintain(self) -> None:
        """Replace a log writer that has died. Call this at intervals."""
        self._sender.maintain()

    def wants(self, level: Level) -> bool:
        """Return whether any log takes a record of this level."""
        if level <= self._mail_server_level and len(self.for_mail_server) < _MAX_FOR_MAIL_SERVER:
            return True
        return self._level is not None and level <= self._level

    def write(self, level: Level, text: str, **members: str) -> None:
        """Write one record. Any `text` becomes one line. `members`: more of it, for a log of JSON."""
        line = one_line(text)
        self.write_line(level, line, json_members({"message": line, **members}) if self.is_json else "")

    def write_line(self, level: Level, line: str, members: str = "") -> None:
        """Write one record that is a clean line already: it consists of our own words and of `log_value` texts.

        `members`: the record for a log of JSON.
        """
        if level <= self._mail_server_level:
            self._put(render_clean_information(line))
        if self._level is not None and level <= self._level:
            self._send(level, line, members)

    def write_request(self, record: RequestRecord, number: bytes, seconds: float) -> None:
        """Write the record of the request with this sequence number, which took so many seconds."""
        seq, members = number.decode(), record.members
        if members:
            members += f',"seq":"{seq}","seconds":{seconds:.6f}'
        self.write_line(record.level, f"{record.before}{seconds:.6f} seq={seq}{record.after}", members)

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
        """Send the records to the log writer, as far as it takes them."""
        self._sender.flush()

    def close(self, within: float) -> None:
        """Let the records be written that are left. Wait at most `within` seconds for that. Nothing follows."""
        self._sender.close(within)

    def _write_to_every_log(self, text: str) -> None:
        """Write what happened to the log into the Server Log, at any level, and into the other logs."""
        self.inform(text)
        if self._level is not None and self._level >= Level.FAILURES:
            line = one_line(text)
            self._send(Level.FAILURES, line, json_members({"message": line}))

    def _send(self, level: Level, line: str, members: str) -> None:
        record = datagram = b""
        if self.is_json:
            line = f'{{"time":"{self._timestamp()}","level":"{_LEVELS[level]}","pid":{os.getpid()},{members}}}'
        if self._settings.file and self.is_json:
            record = f"{line}\n".encode()
        elif self._settings.file:
            record = f"{self._timestamp()} [{os.getpid()}] {_NAMES[level]}: {line}\n".encode()
        if self._settings.syslog:
            priority = _FACILITIES[self._settings.syslog] * 8 + _SEVERITIES.get(level, 7)
            datagram = f"<{priority}>extauth[{os.getpid()}]: {line}".encode()
        self._sender.add(record, datagram)


def log_value(value: str) -> str:
    """Return `value` as it stands after `key=` in a clean line: quoted as in JSON unless it is plain."""
    value = cut_value(value)
    return value if _is_plain(value) else one_line(msgspec.json.encode(value).decode())


def cut_value(value: str) -> str:
    """Return a text that is not too long for the log."""
    return value if len(value) <= _MAX_VALUE else value[:_MAX_VALUE] + "..."


def json_members(values: Mapping[str, object]) -> str:
    """Return the members of a JSON object, without its braces, in one clean line."""
    return one_line(msgspec.json.encode(values).decode())[1:-1]

"""The tables of the configuration file, with the type, the range and the default of every key."""

# Without "from __future__ import annotations": msgspec would compile each annotation, which delays the first reply.

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from extauth.log_levels import LevelName
from extauth.mechanisms import MECHANISMS
from extauth.settings import Settings

Facility = Literal[
    "user", "mail", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5",
    "local6", "local7",
]  # fmt: skip


class HelperSettings(Settings, frozen=True):
    """`[helper]`: deadline in seconds, number of workers, memory of a worker in MiB, reply for a temporary failure.

    `allow_setuid`: programs that backends start may get the rights of another user. `run_directory`: the folder of the
    status socket. `pid_file`: gets the frontend's process id.
    """

    deadline: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 15
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = len(os.sched_getaffinity(0))
    worker_memory: Annotated[int, msgspec.Meta(ge=64)] = 4096
    allow_unsafe_files: bool = False
    allow_setuid: bool = False
    temporary_reply: Literal["ERROR", "FAILURE"] = "ERROR"
    run_directory: Path | None = None
    pid_file: Path | None = None


class SaslSettings(Settings, frozen=True):
    """`[sasl]`: the mechanisms that are switched on."""

    mechanisms: tuple[str, ...] = tuple(MECHANISMS)


class NewSettings(Settings, frozen=True):
    """`[new]`: whether `NEW` gets OK for an account that a backend knows."""

    known_is_enough: bool = False


class CliSettings(Settings, frozen=True):
    """`[mail_server]`: the PWD port of the mail server. `account` needs access rights there.

    `starttls`: log in with the password over TLS, not by APOP. Times are in seconds.
    """

    account: str
    password_file: Path
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 106
    starttls: bool = False
    ca_file: Path | None = None
    connect_timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5
    reply_timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5


class ProvisionSettings(Settings, frozen=True):
    """`[provision]`: accounts that `NEW` asks about and a backend knows are created in the mail server.

    `type`: of the mailbox. `settings`: of each new account. `attributes`: more settings, and the attribute of the
    backend for each. `aliases`: attributes with other addresses.
    """

    type: str = ""
    settings: dict[str, str] = msgspec.field(default_factory=lambda: {"UseAppPassword": "NO", "UseExtPassword": "YES"})
    attributes: dict[str, str] = msgspec.field(default_factory=lambda: {"RealName": "cn"})
    aliases: tuple[str, ...] = ()
    limit_per_minute: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 60
    dry_run: bool = False

    @property
    def wanted_attributes(self) -> tuple[str, ...]:
        """The attributes that backends should return, each once."""
        return tuple(dict.fromkeys((*self.attributes.values(), *self.aliases)))


class HandoverSettings(Settings, frozen=True):
    """`[handover]`: after a successful login, set the password in the mail server.

    `backends`: the names of the backends whose passwords are handed over; None: all. `switch_external_off`: from then
    on, the mail server checks the password itself and no longer asks extauth.
    """

    backends: tuple[str, ...] | None = None
    switch_external_off: bool = False


class CacheSettings(Settings, frozen=True):
    """`[cache]`: seconds that a verdict counts; number of accounts, and of wrong passwords, that are kept."""

    ttl: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)] = 120
    negative_ttl: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 30
    size: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 100_000


class ThrottleSettings(Settings, frozen=True):
    """`[throttle]`: delays for accounts with many different wrong passwords within `window` seconds.

    With `failures` of them a login is delayed by `delay` seconds, and with each more by twice as much, up to
    `longest_delay`. `storage`: the URL of a Redis or Valkey server where several helpers count together.
    """

    failures: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    window: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 600
    delay: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1
    longest_delay: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5
    storage: str | None = None
    storage_password_file: Path | None = None


class LogSettings(Settings, frozen=True):
    """`[log]`: the level of the Server Log, and a file or syslog with a level of its own.

    `format`: of the records in the file and in syslog. `mode`: the permissions of a new log file, as octal digits.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"server_level": "mail_server_level"}

    mail_server_level: LevelName = "Problems"
    level: LevelName = "Low Level"
    format: Literal["text", "json"] = "text"
    file: Path | None = None
    mode: str = "0640"
    syslog: Facility | None = None

    @property
    def file_mode(self) -> int:
        """The permissions of a new log file."""
        return int(self.mode, 8)


class MetricsSettings(Settings, frozen=True):
    """`[metrics]`: an address where Prometheus gets the metrics, and a file for the textfile collector."""

    listen: str | None = None
    textfile: Path | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """The address and the port of `listen`."""
        if self.listen is None:
            return None
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class BackendSection(Settings, frozen=True):
    """The keys that every `[[backend]]` has, for any type; `timeout` in seconds."""

    type: str
    name: str = ""
    domains: tuple[str, ...] | None = None
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None
    on_mismatch: Literal["continue", "stop"] = "continue"
    emergency: bool = False
    readplain: bool = False


class ConfigFile(Settings, frozen=True):
    """The whole file; the backends' own settings are not converted yet."""

    RENAMED: ClassVar[Mapping[str, str]] = {"server": "[helper]"}

    default_domain: str | None = None
    lower_names: bool = True
    helper: HelperSettings = HelperSettings()
    sasl: SaslSettings = SaslSettings()
    new: NewSettings = NewSettings()
    mail_server: CliSettings | None = None
    provision: ProvisionSettings | None = None
    handover: HandoverSettings | None = None
    cache: CacheSettings | None = None
    throttle: ThrottleSettings | None = None
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    backend: tuple[dict[str, Any], ...] = ()

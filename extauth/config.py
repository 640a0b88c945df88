"""The configuration file: TOML to typed settings, or an error with file, key, value and what would be right."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from extauth.errors import ConfigError, Mistakes
from extauth.log_levels import LEVEL_NAMES, LevelName
from extauth.mechanisms import MECHANISMS
from extauth.protocol.accounts import AccountParser, canonical_domain
from extauth.settings import Settings, convert, parse_toml, show
from extauth.trust import read_trusted, reason_of

Facility = Literal[
    "user", "mail", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5",
    "local6", "local7",
]  # fmt: skip


class HelperSettings(Settings, frozen=True):
    """`[helper]`: deadline in seconds, number of workers, memory of a worker in MiB, reply for a temporary failure.

    `allow_setuid`: programs that backends start may get the rights of another user.
    """

    deadline: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 15
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = len(os.sched_getaffinity(0))
    worker_memory: Annotated[int, msgspec.Meta(ge=64)] = 4096
    allow_unsafe_files: bool = False
    allow_setuid: bool = False
    temporary_reply: Literal["ERROR", "FAILURE"] = "ERROR"


class SaslSettings(Settings, frozen=True):
    """`[sasl]`: the mechanisms that are switched on."""

    mechanisms: tuple[str, ...] = tuple(MECHANISMS)


class NewSettings(Settings, frozen=True):
    """`[new]`: whether `NEW` gets OK for an account that a backend knows."""

    known_is_enough: bool = False


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

    `mode`: the permissions of a new log file, as octal digits.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"server_level": "mail_server_level"}

    mail_server_level: LevelName = "Problems"
    level: LevelName = "Low Level"
    file: Path | None = None
    mode: str = "0640"
    syslog: Facility | None = None

    @property
    def file_mode(self) -> int:
        """The permissions of a new log file."""
        return int(self.mode, 8)


class BackendSection(Settings, frozen=True):
    """The keys that every `[[backend]]` has, for any type; `timeout` in seconds."""

    type: str
    name: str = ""
    domains: tuple[str, ...] | None = None
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None
    on_mismatch: Literal["continue", "stop"] = "continue"
    emergency: bool = False
    readplain: bool = False


class BackendConfig(msgspec.Struct, frozen=True):
    """One `[[backend]]`: the common keys, and the table of its own settings, which its class reads.

    Domains are in canonical form: in the order of the file, and as a set. `section` names the section in error texts.
    """

    type: str
    name: str
    domains: tuple[str, ...] | None
    timeout: float | None
    stops_at_mismatch: bool
    emergency: bool
    readplain: bool
    options: dict[str, Any]
    section: str
    domain_set: frozenset[str]

    def serves(self, domain: str) -> bool:
        """Return whether this backend serves the accounts of `domain`."""
        return self.domains is None or domain in self.domain_set

    def shares_a_domain_with(self, other: BackendConfig) -> bool:
        """Return whether both serve the same domain, for any domain."""
        return self.domains is None or other.domains is None or not self.domain_set.isdisjoint(other.domain_set)


class ConfigFile(Settings, frozen=True):
    """The whole file; the backends' own settings are not converted yet."""

    RENAMED: ClassVar[Mapping[str, str]] = {"server": "[helper]"}

    default_domain: str | None = None
    lower_names: bool = True
    helper: HelperSettings = HelperSettings()
    sasl: SaslSettings = SaslSettings()
    new: NewSettings = NewSettings()
    cache: CacheSettings | None = None
    throttle: ThrottleSettings | None = None
    log: LogSettings = LogSettings()
    backend: tuple[dict[str, Any], ...] = ()


class ConfigSource(msgspec.Struct, frozen=True):
    """A configuration file, and its content in bytes if that has been read already."""

    file: Path
    content: bytes | None = None

    def read(self) -> ConfigSource:
        """Return the same with the content. Raises ConfigError."""
        if self.content is not None:
            return self
        file = self.file.absolute()
        try:
            return ConfigSource(file, read_trusted(file).data)
        except OSError as error:
            raise ConfigError(f"{file}: {reason_of(error, file)}") from None


class Config(msgspec.Struct, frozen=True):
    """A configuration that is valid, except for the backends' own settings, which are checked later."""

    file: Path
    helper: HelperSettings
    sasl: SaslSettings
    new: NewSettings
    cache: CacheSettings | None
    throttle: ThrottleSettings | None
    log: LogSettings
    accounts: AccountParser
    backends: tuple[BackendConfig, ...]


def read_config(path: Path) -> Config:
    """Read the configuration file. Raises ConfigError."""
    return parse_config(ConfigSource(path).read())


def parse_config(source: ConfigSource) -> Config:
    """Return the configuration that the content of its file says. Raises ConfigError."""
    path = source.file
    table = parse_toml(source.content or b"", path)
    backends = table.get("backend", [])
    if not isinstance(backends, list) or not all(isinstance(backend, dict) for backend in backends):
        raise ConfigError(f"{path}: backend = {show(backends)}: must be tables, each below its own line [[backend]]")
    mistakes, read, found = Mistakes(), ConfigFile(), []
    with mistakes.collected():
        _check_log_mode(table.get("log"), path)
    _correct_levels(table.get("log"))
    with mistakes.collected():
        read = convert(table, ConfigFile, path, mistakes=mistakes)
    with mistakes.collected():
        _check_mechanisms(read, path)
    with mistakes.collected():
        _check_throttle(read, path)
    default_domain = None
    if read.default_domain is not None:
        with mistakes.collected():
            default_domain = _host_name(read.default_domain, path, "default_domain")
    with mistakes.collected():
        if not backends:
            raise ConfigError(f"{path}: has no [[backend]], so no user could log in; see README.md, Configuration")
    taken = {name for section in backends if isinstance(name := section.get("name"), str)}
    for number, section in enumerate(backends, start=1):
        with mistakes.collected():
            found.append(_backend(section, number, taken, path))
    mistakes.raise_all()
    with mistakes.collected():
        _check_backends(found, read.helper.deadline, path)
    mistakes.raise_all()
    accounts = AccountParser(default_domain, lower_names=read.lower_names)
    settings = read.helper, read.sasl, read.new, read.cache, read.throttle, read.log
    return Config(path, *settings, accounts, tuple(found))


def _check_mechanisms(read: ConfigFile, path: Path) -> None:
    for name in read.sasl.mechanisms:
        if name not in MECHANISMS:
            raise ConfigError(
                f"{path}: sasl.mechanisms: {name!r} is unknown; known mechanisms: {', '.join(MECHANISMS)}"
            )


def _check_backends(backends: list[BackendConfig], deadline: float, path: Path) -> None:
    """Raise ConfigError if backends contradict each other, or the deadline."""
    numbers: dict[str, int] = {}  # name -> number of its section
    for number, backend in enumerate(backends, start=1):
        if numbers.setdefault(backend.name, number) != number:
            raise ConfigError(
                f"{path}: [[backend]] number {number}, name = {backend.name!r}: [[backend]] number "
                f"{numbers[backend.name]} already has this name"
            )
        if backend.timeout is not None and backend.timeout >= deadline:
            raise ConfigError(
                f"{path}: {backend.section} timeout = {backend.timeout:g}: must be less than helper.deadline, "
                f"which is {deadline:g}"
            )
        if backend.emergency and not any(
            not other.emergency and backend.shares_a_domain_with(other) for other in backends
        ):
            raise ConfigError(f"{path}: {backend.section} emergency = true: no other backend serves its domains")


def _backend(table: dict[str, Any], number: int, taken: set[str], path: Path) -> BackendConfig:
    """Return a `[[backend]]`. `taken`: names that it cannot get if it has none itself."""
    given = table.get("name")
    section = f"[[backend]] {given!r}," if isinstance(given, str) and given else f"[[backend]] number {number},"
    common = {key: value for key, value in table.items() if key in BackendSection.__struct_fields__}
    options = {key: value for key, value in table.items() if key not in common}
    read = convert(common, BackendSection, path, section)
    domains = None
    if read.domains is not None:
        if not read.domains:
            raise ConfigError(f"{path}: {section} domains = []: name a domain, or remove the key to serve every domain")
        domains = tuple(_host_name(domain, path, f"{section} domains") for domain in read.domains)
        if len(set(domains)) < len(domains):
            repeated = next(domain for domain, count in Counter(domains).items() if count > 1)
            raise ConfigError(f"{path}: {section} domains: {repeated} is listed twice")
    kind = read.type.rpartition(":")[2]
    free = (
        each
        for each in itertools.chain([kind], (f"{kind}-{count}" for count in itertools.count(2)))
        if each not in taken
    )
    name = read.name or next(free)
    taken.add(name)
    stops = read.on_mismatch == "stop"
    domain_set = frozenset(domains or ())
    return BackendConfig(
        read.type, name, domains, read.timeout, stops, read.emergency, read.readplain, options, section, domain_set
    )


def _check_log_mode(table: Any, path: Path) -> None:
    """Raise ConfigError for a mode that the log file cannot have. The owner must be able to read and write it."""
    if not isinstance(table, dict) or "mode" not in table:
        return
    mode = table["mode"]
    if not (isinstance(mode, str) and re.fullmatch("0?[67][0-7][0-7]", mode)):
        raise ConfigError(f'{path}: log.mode = {show(mode)}: must be a string of octal digits from "0600" to "0777"')


def _correct_levels(table: Any) -> None:
    """Write the names of levels as they are in LEVEL_NAMES: in the file, upper and lower case are the same."""
    names = {name.lower(): name for name in LEVEL_NAMES}
    for key in ("level", "mail_server_level"):
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = names.get(table[key].lower(), table[key])


def _check_throttle(read: ConfigFile, path: Path) -> None:
    """Raise ConfigError if the delays contradict each other or the deadline, or if the storage's URL is wrong."""
    throttle, deadline = read.throttle, read.helper.deadline
    if throttle is None:
        return
    if throttle.longest_delay >= deadline:
        wrong = f"throttle.longest_delay = {throttle.longest_delay:g}"
        raise ConfigError(f"{path}: {wrong}: must be less than helper.deadline, which is {deadline:g}")
    if throttle.delay > throttle.longest_delay:
        wrong = f"throttle.delay = {throttle.delay:g}"
        raise ConfigError(f"{path}: {wrong}: must not be more than longest_delay, which is {throttle.longest_delay:g}")
    if throttle.storage is None:
        if throttle.storage_password_file is not None:
            raise ConfigError(f"{path}: throttle.storage_password_file: is used only with storage")
    elif "@" in throttle.storage:
        raise ConfigError(
            f"{path}: throttle.storage: (not shown, it may contain a password): must be redis://host:port/number; put "
            "the password into a file, and its name into storage_password_file"
        )
    elif not re.fullmatch(r"(?:redis|rediss|valkey|valkeys)://[^/?#\s]+(?:/[0-9]+)?", throttle.storage):
        wrong = f"throttle.storage = {throttle.storage!r}"
        raise ConfigError(f"{path}: {wrong}: must be redis://host:port/number or valkey://host:port/number")
    elif importlib.util.find_spec("limits") is None:
        kind = throttle.storage.partition(":")[0].removesuffix("s")
        wrong = f"throttle.storage = {throttle.storage!r}"
        raise ConfigError(f"{path}: {wrong}: needs a package; in the checkout, run: pip install '.[{kind}]'")


def _host_name(domain: str, path: Path, key: str) -> str:
    name = canonical_domain(domain)
    if name is None:
        raise ConfigError(f"{path}: {key}: {domain!r} is not a host name such as example.com")
    return name

"""Rules of the configuration beyond the types of its keys. Each raises ConfigError with file, key and value."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

from extauth.config.tables import ConfigFile, MetricsSettings, ProvisionSettings
from extauth.config.values import BackendConfig
from extauth.errors import ConfigError
from extauth.log_levels import LEVEL_NAMES
from extauth.mechanisms import MECHANISMS
from extauth.protocol.accounts import canonical_domain
from extauth.settings import show
from extauth.version import pip_install


def check_mechanisms(read: ConfigFile, path: Path) -> None:
    """Raise ConfigError for a mechanism that does not exist."""
    for name in read.sasl.mechanisms:
        if name not in MECHANISMS:
            raise ConfigError(
                f"{path}: sasl.mechanisms: {name!r} is unknown; known mechanisms: {', '.join(MECHANISMS)}"
            )


def check_backends(backends: list[BackendConfig], deadline: float, path: Path) -> None:
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


def check_mail_server(read: ConfigFile, path: Path) -> None:
    """Raise ConfigError if the mail server cannot be administered, and must be."""
    for name, section in (("provision", read.provision), ("handover", read.handover)):
        if section is not None and read.mail_server is None:
            raise ConfigError(f"{path}: [{name}] needs a section [mail_server], with account and password_file")
    if read.mail_server is not None:
        account = read.mail_server.account
        if not account or not account.isprintable() or " " in account:
            raise ConfigError(f"{path}: mail_server.account = {account!r}: must be a name without spaces")


def check_handover(read: ConfigFile, backends: list[BackendConfig], path: Path) -> None:
    """Raise ConfigError for a backend that does not exist."""
    if read.handover is None:
        return
    known = [backend.name for backend in backends]
    for name in read.handover.backends or ():
        if name not in known:
            there_are = ", ".join(known)
            raise ConfigError(f"{path}: handover.backends: no [[backend]] has the name {name!r}; there are {there_are}")


def check_log_mode(table: Any, path: Path) -> None:
    """Raise ConfigError for a mode that the log file cannot have. The owner must be able to read and write it."""
    if not isinstance(table, dict) or "mode" not in table:
        return
    mode = table["mode"]
    if not (isinstance(mode, str) and re.fullmatch("0?[67][0-7][0-7]", mode)):
        raise ConfigError(f'{path}: log.mode = {show(mode)}: must be a string of octal digits from "0600" to "0777"')


def correct_levels(table: Any) -> None:
    """Write the names of levels as they are in LEVEL_NAMES: in the file, upper and lower case are the same."""
    names = {name.lower(): name for name in LEVEL_NAMES}
    for key in ("level", "mail_server_level"):
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = names.get(table[key].lower(), table[key])


def check_throttle(read: ConfigFile, path: Path) -> None:
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
        raise ConfigError(f"{path}: {wrong}: needs a package; in the checkout, run: " + pip_install(f"'.[{kind}]'"))


def check_provision(provision: ProvisionSettings | None, path: Path) -> None:
    """Raise ConfigError if a setting of new accounts cannot be sent, or would be a password."""
    if provision is None:
        return
    for key, names in (("settings", provision.settings), ("attributes", provision.attributes)):
        if "password" in map(str.lower, names):
            raise ConfigError(f"{path}: provision.{key}: Password: extauth gives new accounts no password")
        if twice := [name for name in provision.attributes if name in provision.settings]:
            raise ConfigError(f"{path}: provision.attributes: {twice[0]} is in provision.settings, too")


def check_metrics(metrics: MetricsSettings, path: Path) -> None:
    """Raise ConfigError for an address that cannot be listened on, or if the package for metrics is missing."""
    listen = metrics.listen
    wrong = f"metrics.listen = {listen!r}" if listen is not None else f"metrics.textfile = {str(metrics.textfile)!r}"
    if listen is not None:
        match = re.fullmatch(r"(?:[0-9.]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", listen)
        if match is None or not 0 < int(match[1]) < 65_536:
            raise ConfigError(f'{path}: {wrong}: must be an IP address and a port, such as "127.0.0.1:9110"')
    if (listen or metrics.textfile) is not None and importlib.util.find_spec("prometheus_client") is None:
        raise ConfigError(f"{path}: {wrong}: needs a package; in the checkout, run: " + pip_install("'.[metrics]'"))


def host_name(domain: str, path: Path, key: str) -> str:
    """Return the canonical form of a domain. Raise ConfigError if it is no host name."""
    name = canonical_domain(domain)
    if name is None:
        raise ConfigError(f"{path}: {key}: {domain!r} is not a host name such as example.com")
    return name

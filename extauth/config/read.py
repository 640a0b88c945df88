"""The configuration file: TOML to typed settings, or an error with file, key, value and what would be right."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

from extauth.config.checks import (
    check_backends,
    check_handover,
    check_log_mode,
    check_mail_server,
    check_mechanisms,
    check_metrics,
    check_provision,
    check_throttle,
    correct_levels,
    host_name,
)
from extauth.config.tables import BackendSection, ConfigFile
from extauth.config.values import BackendConfig, Config, ConfigSource
from extauth.errors import ConfigError, Mistakes
from extauth.protocol.accounts import AccountParser
from extauth.settings import convert, parse_toml, show


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
        check_log_mode(table.get("log"), path)
    correct_levels(table.get("log"))
    with mistakes.collected():
        read = convert(table, ConfigFile, path, mistakes=mistakes)
    with mistakes.collected():
        check_mechanisms(read, path)
    with mistakes.collected():
        check_throttle(read, path)
    with mistakes.collected():
        check_provision(read.provision, path)
    with mistakes.collected():
        check_mail_server(read, path)
    with mistakes.collected():
        check_metrics(read.metrics, path)
    default_domain = None
    if read.default_domain is not None:
        with mistakes.collected():
            default_domain = host_name(read.default_domain, path, "default_domain")
    with mistakes.collected():
        if not backends:
            raise ConfigError(f"{path}: has no [[backend]], so no user could log in; see docs/configuration.md")
    taken = {name for section in backends if isinstance(name := section.get("name"), str)}
    for number, section in enumerate(backends, start=1):
        with mistakes.collected():
            found.append(_backend(section, number, taken, path))
    mistakes.raise_all()
    with mistakes.collected():
        check_backends(found, read.helper.deadline, path)
        check_handover(read, found, path)
    mistakes.raise_all()
    accounts = AccountParser(default_domain, lower_names=read.lower_names)
    settings = read.helper, read.sasl, read.new, read.provision, read.cache, read.throttle, read.log, read.metrics
    mail_server = read.mail_server, read.handover
    return Config(path, *settings, *mail_server, accounts, tuple(found))


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
        domains = tuple(host_name(domain, path, f"{section} domains") for domain in read.domains)
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

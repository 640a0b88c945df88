"""A configuration to its chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extauth.backend import Backend, Site
from extauth.chain.chain import Chain
from extauth.chain.link import Link
from extauth.config import BackendConfig, BackendSection, Config
from extauth.errors import ConfigError, Fault
from extauth.registry import backend_class
from extauth.seal import sealed
from extauth.settings import convert


def build_chain(config: Config, before: frozenset[Path] = frozenset()) -> Chain:
    """The chain that `config` asks for, not loaded yet; `before`: files an earlier reading has seen.

    Raises ConfigError.
    """
    return Chain(Link(_backend(section, config, before), section, config.file) for section in config.backends)


def _backend(section: BackendConfig, config: Config, before: frozenset[Path]) -> Backend[Any]:
    allow_unsafe = config.server.allow_unsafe_files
    try:
        found = backend_class(section.type, config.file.parent, allow_unsafe=allow_unsafe)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {section.section} type = {section.type!r}: {error}") from None
    try:
        settings = sealed(convert, section.options, found.Settings, config.file, section.section, BackendSection)
    except Fault as fault:
        raise ConfigError(f"{config.file}: {section.section} the settings of {section.type}: {fault}") from None
    site = Site(section.name, section.domains, config.accounts, config.server.deadline, allow_unsafe, before)
    try:
        return sealed(found, settings, site)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {section.section} {error}") from None
    except Fault as fault:
        raise ConfigError(f"{config.file}: {section.section} type = {section.type!r}: {fault}") from None

"""A configuration to its chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extauth.backends.base import Backend, BackendContext
from extauth.chain.chain import Chain
from extauth.chain.configured_backend import ConfiguredBackend
from extauth.chain.plugins import backend_class
from extauth.config import BackendConfig, BackendSection, Config
from extauth.errors import ConfigError, UnexpectedError
from extauth.guard import call_guarded
from extauth.settings import convert


def build_chain(config: Config, before: frozenset[Path] = frozenset()) -> Chain:
    """The chain that `config` asks for, not loaded yet; `before`: files an earlier reading has seen.

    Raises ConfigError.
    """
    return Chain(
        ConfiguredBackend(_backend(section, config, before), section, config.file) for section in config.backends
    )


def _backend(section: BackendConfig, config: Config, before: frozenset[Path]) -> Backend[Any]:
    allow_unsafe = config.helper.allow_unsafe_files
    try:
        found = backend_class(section.type, config.file.parent, allow_unsafe=allow_unsafe)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {section.section} type = {section.type!r}: {error}") from None
    try:
        settings = call_guarded(convert, section.options, found.Settings, config.file, section.section, BackendSection)
    except UnexpectedError as fault:
        raise ConfigError(f"{config.file}: {section.section} the settings of {section.type}: {fault}") from None
    context = BackendContext(
        section.name, section.domains, config.accounts, config.helper.deadline, allow_unsafe, before
    )
    try:
        return call_guarded(found, settings, context)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {section.section} {error}") from None
    except UnexpectedError as fault:
        raise ConfigError(f"{config.file}: {section.section} type = {section.type!r}: {fault}") from None

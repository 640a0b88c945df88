"""A configuration to its chain."""

from __future__ import annotations

from typing import Any

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.file_history import NO_HISTORY, FileHistory
from extauth.chain.backend_rules import check_object
from extauth.chain.chain import Chain
from extauth.chain.configured_backend import ConfiguredBackend
from extauth.chain.plugins import backend_class
from extauth.config import BackendConfig, BackendSection, Config
from extauth.errors import ConfigError, Mistakes, UnexpectedError
from extauth.guard import call_guarded
from extauth.settings import convert

_PROVISION = "provision"  # the name of the provisioner in the log
_MAIL_SERVER = "[mail_server]"
_NOT_CREATED = "not created: there is no section [provision], and new.known_is_enough is false"


def build_chain(config: Config, history: FileHistory = NO_HISTORY) -> Chain:
    """Return the chain of `config`, not loaded yet. `history`: what earlier loads have read.

    Raise ConfigError.
    """
    mistakes, backends = Mistakes(), []
    for section in config.backends:
        with mistakes.collected():
            backends.append(ConfiguredBackend(_backend(section, config, history), section, config.file))
    mistakes.raise_all()
    not_created = "" if config.new.known_is_enough else _NOT_CREATED
    return Chain(backends, _provisioner(config, history), _handover_account(config, history), not_created)


def _provisioner(config: Config, history: FileHistory) -> ConfiguredBackend | None:
    if config.provision is None or config.mail_server is None:
        return None
    from extauth.communigate.provisioner import FINISH_WITHIN, Provisioner  # here because it imports asyncio

    section = _section(_PROVISION)
    provisioner = Provisioner(config.provision, _context(section, config, history), config.mail_server)
    return ConfiguredBackend(provisioner, section, config.file, closing=FINISH_WITHIN)


def _handover_account(config: Config, history: FileHistory) -> ConfiguredBackend | None:
    """Return what reads the files of `[mail_server]`, unless the provisioner does."""
    if config.handover is None or config.mail_server is None or config.provision is not None:
        return None
    from extauth.communigate.own_account import HandoverAccount  # here because it imports asyncio

    section = _section("handover")
    context = _context(section, config, history)
    return ConfiguredBackend(HandoverAccount(config.handover, context, config.mail_server), section, config.file)


def _section(name: str) -> BackendConfig:
    return BackendConfig(name, name, None, None, False, False, False, {}, _MAIL_SERVER, frozenset())


def _context(section: BackendConfig, config: Config, history: FileHistory) -> BackendContext:
    return BackendContext(
        section.name,
        section.domains,
        config.accounts,
        config.helper.deadline,
        config.helper.allow_unsafe_files,
        history,
        config.helper.workers,
        () if config.provision is None else config.provision.wanted_attributes,
    )


def _backend(section: BackendConfig, config: Config, history: FileHistory) -> Backend[Any]:
    where = f"{config.file}: {section.section}"
    allow_unsafe = config.helper.allow_unsafe_files
    try:
        cls = backend_class(section.type, config.file.parent, allow_unsafe=allow_unsafe)
    except ConfigError as error:
        raise ConfigError(f"{where} type = {section.type!r}: {error}") from None
    try:
        settings = call_guarded(convert, section.options, cls.Settings, config.file, section.section, BackendSection)
    except UnexpectedError as error:
        raise ConfigError(f"{where} the settings of {section.type}: {error}") from None
    try:
        backend = call_guarded(cls, settings, _context(section, config, history))
    except ConfigError as error:
        raise ConfigError(f"{where} {error}") from None
    except UnexpectedError as error:
        raise ConfigError(f"{where} type = {section.type!r}: {error}") from None
    try:
        check_object(backend)
    except ConfigError as error:
        raise ConfigError(f"{where} type = {section.type!r}: {error}") from None
    return backend

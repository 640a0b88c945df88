"""Load a configuration in this process as `serve` would, for commands that say what it does."""

from __future__ import annotations

from pathlib import Path

from extauth.chain import Chain, build_chain
from extauth.chain.imports import check_imports, repair_own_bytecode, restrict_import_path
from extauth.config import Config, read_config
from extauth.workers.process_setup import forbid_setuid, set_up_process


def protect_process() -> list[str]:
    """Set this process up as `serve` does. Return what was repaired. Raise ConfigError."""
    set_up_process()
    restrict_import_path()
    return repair_own_bytecode()


def load_chain(config_file: Path) -> tuple[Config, Chain]:
    """Return the configuration and its chain, not loaded yet, with the rights of a worker.

    Raise ConfigError, and UnexpectedError for a bug of a backend.
    """
    config = read_config(config_file)
    check_imports(allow_unsafe=config.helper.allow_unsafe_files)
    chain = build_chain(config)
    if not config.helper.allow_setuid:
        forbid_setuid()
    return config, chain

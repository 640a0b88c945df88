"""The helper, from its configuration file to its end. It imports no parser for command lines: that takes long."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from extauth.chain.imports import repair_own_bytecode, restrict_import_path
from extauth.config import ConfigSource
from extauth.errors import ConfigError
from extauth.frontend.descriptors import StandardDescriptors, move_standard_descriptors
from extauth.guard import GuardedErrors, call_guarded
from extauth.workers.process_setup import set_up_process, start_collecting_garbage
from extauth.workers.process_tree import ChildProcess
from extauth.workers.supervisor import start_supervisor


def serve(config_file: Path) -> None:
    """Handle the requests on standard input until it closes. Exit with 1 if the configuration cannot be served."""
    set_up_process()
    restrict_import_path()
    config_file = config_file.absolute()
    try:
        repaired = repair_own_bytecode()
    except ConfigError as error:
        sys.exit(f"extauth: {error}")
    standard = move_standard_descriptors()
    try:
        supervisor = start_supervisor(ConfigSource(config_file))
        call_guarded(_serve, config_file, standard, supervisor, repaired)  # its errors show no password
    except OSError as error:
        os.write(standard.error, f"extauth: cannot start a process: {error.strerror}\n".encode())
        sys.exit(1)
    except GuardedErrors as error:
        os.write(standard.error, f"extauth: {error}\n".encode(errors="backslashreplace"))
        sys.exit(1)


def _serve(config_file: Path, standard: StandardDescriptors, supervisor: ChildProcess, repaired: list[str]) -> None:
    from extauth.frontend.frontend import Frontend  # here: it takes as long as the supervisor takes to load

    start_collecting_garbage()
    Frontend(config_file, standard, supervisor, repaired).serve()

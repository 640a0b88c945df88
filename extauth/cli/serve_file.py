"""The helper, from its configuration file to its end."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from extauth.chain.plugins import restrict_import_path
from extauth.config import read_config
from extauth.errors import ConfigError, UnexpectedError
from extauth.frontend.descriptors import move_standard_descriptors
from extauth.guard import call_guarded
from extauth.workers.start import start_supervisor


def serve_file(config_file: Path) -> None:
    """Answer the requests on standard input, until that is closed; exits with 1 where it cannot."""
    restrict_import_path()
    try:
        config = read_config(config_file)
    except ConfigError as error:
        sys.exit(f"extauth: {error}")
    standard = move_standard_descriptors()
    try:
        keeper = start_supervisor(config)
        from extauth.frontend.frontend import Server  # here: it takes as long as the keeper does to load

        gc.freeze()
        gc.enable()
        call_guarded(
            Server(config, standard, keeper).serve
        )  # an error of our own must not show what it was about either
    except OSError as error:
        os.write(standard.error, f"extauth: cannot start a process: {error.strerror}\n".encode())
        sys.exit(1)
    except (ConfigError, UnexpectedError) as reason:
        os.write(standard.error, f"extauth: {reason}\n".encode(errors="backslashreplace"))
        sys.exit(1)

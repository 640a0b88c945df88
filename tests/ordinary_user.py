"""Run programs as an ordinary user, though root runs the tests. Tests that use this need root: mark them so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helper import EXTAUTH

NOBODY = 65534
_PREFIX = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
_READS_ALL = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def as_nobody() -> list[str]:
    """Return the start of a command that runs this Python as the user nobody.

    The user may read all files if this Python is in a folder that only root can enter.
    """
    return [*_PREFIX, *rights_to_run_python()]


def rights_to_run_python() -> list[str]:
    """Return what `setpriv` must give an ordinary user who runs this Python: nothing, or the right to read all."""
    run = ["sh", "-c", f"exec {sys.executable} -c 'import extauth'"]
    return [] if subprocess.run([*_PREFIX, *run], check=False).returncode == 0 else _READS_ALL


def run_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests.helper start extauth as the user nobody until the test ends."""
    monkeypatch.setattr("tests.helper.EXTAUTH", [*as_nobody(), *EXTAUTH])

"""Run extauth as an ordinary user, though root runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.helper import EXTAUTH

NOBODY = 65534
_PREFIX = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
_READS_ALL = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def run_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests.helper start extauth as the user nobody until the test ends. The tests must run as root.

    The user may read all files if this Python is in a folder that only root can enter.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can start a program as another user")
    start = list(_PREFIX)
    if subprocess.run([*start, "sh", "-c", f"exec {sys.executable} -c 'import extauth'"], check=False).returncode != 0:
        start += _READS_ALL
    monkeypatch.setattr("tests.helper.EXTAUTH", [*start, *EXTAUTH])

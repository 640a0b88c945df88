"""The commands of `extauth`."""

from __future__ import annotations

import subprocess

from tests.helper import EXTAUTH


def test_every_command_has_help() -> None:
    for command in (
        [],
        ["serve"],
        ["check"],
        ["passwd"],
        ["harness"],
        ["harness", "replay"],
        ["harness", "shell"],
        ["harness", "listen"],
    ):
        done = subprocess.run([*EXTAUTH, *command, "--help"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("Usage: extauth")

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
        ["verify"],
        ["harness"],
        ["harness", "replay"],
        ["harness", "shell"],
        ["harness", "load"],
        ["harness", "listen"],
    ):
        done = subprocess.run([*EXTAUTH, *command, "-h"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("Usage: extauth")
        assert max(map(len, done.stdout.splitlines())) <= 80

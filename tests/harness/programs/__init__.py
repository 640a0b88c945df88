"""Helper programs, most of them incorrect, and functions to run the harness with them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HARNESS = [sys.executable, "-c", "from extauth.cli import main; main()", "harness"]
INTERPRETERS = {".sh": "sh", ".pl": "perl", ".py": sys.executable}


def program(name: str) -> list[str]:
    """Return the command that runs a program of this folder."""
    path = Path(__file__).with_name(name)
    return [INTERPRETERS[path.suffix], str(path)]


@dataclass(frozen=True)
class Outcome:
    status: int
    lines: list[str]
    log: list[str]

    @property
    def violations(self) -> list[str]:
        return [line.removeprefix("violation: ") for line in self.lines if line.startswith("violation: ")]

    @property
    def replies(self) -> list[str]:
        return [line.removeprefix("O: ") for line in self.lines if line.startswith("O: ")]


def run(arguments: list[str], typed: bytes = b"") -> Outcome:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as standard_input:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(typed)
        return run_with(arguments, standard_input)


def run_with(arguments: list[str], standard_input: IO[bytes]) -> Outcome:
    done = subprocess.run([*HARNESS, *arguments], stdin=standard_input, capture_output=True, timeout=60, check=False)
    return Outcome(done.returncode, done.stdout.decode().splitlines(), done.stderr.decode().splitlines())


def replay(folder: Path, session: str | bytes, command: list[str], *options: str) -> Outcome:
    path = folder / "session.txt"
    path.write_bytes(session if isinstance(session, bytes) else session.encode())
    return run(["replay", *options, str(path), "--", *command])

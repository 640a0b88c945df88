"""crypt(3) on as many threads as there are cores, and nothing else: what no program that checks passwords exceeds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("crypt_threads.c")


class CryptLimit:
    """The program, compiled into a folder, with a password file whose hashes it computes."""

    def __init__(self, folder: Path, password_file: Path) -> None:
        self.name = f"crypt(3), {os.cpu_count()} threads"
        self._program = folder / "crypt_threads"
        self._file = password_file
        if not self._program.exists():
            command = ["cc", "-O2", "-Wall", "-Wextra", "-pthread", "-o", str(self._program), str(_SOURCE), "-lcrypt"]
            subprocess.run(command, check=True)

    def rate(self, seconds: float) -> float:
        """Passwords a second."""
        command = [str(self._program), str(self._file), str(os.cpu_count()), str(seconds)]
        return float(subprocess.run(command, check=True, capture_output=True).stdout)

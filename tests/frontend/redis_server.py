"""A real redis-server for the throttle's shared counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.backends.ldap.slapd import free_port
from tests.helper import wait_until


class Redis:
    """A redis-server on the loopback."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        (folder / "password").write_text("open sesame\n")
        (folder / "password").chmod(0o600)
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "open sesame"]
        self._process = subprocess.Popen(["redis-server", *arguments], cwd=self._folder, stdout=subprocess.DEVNULL)
        wait_until(self._answers, "redis-server")

    @property
    def process(self) -> int:
        """Its process id."""
        return self._process.pid

    def _answers(self) -> bool:
        ping = ["redis-cli", "-p", str(self.port), "ping"]
        return b"NOAUTH" in subprocess.run(ping, capture_output=True, check=False).stdout

    def keys(self) -> list[bytes]:
        """Return the names of all that it stores."""
        command = ["redis-cli", "-p", str(self.port), "-a", "open sesame", "--no-auth-warning", "keys", "*"]
        return subprocess.run(command, capture_output=True, check=True).stdout.split()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def settings(self, settings: str) -> str:
        """Return the keys of `[throttle]` with this storage."""
        file = self._folder / "password"
        return f'{settings}\nstorage = "redis://127.0.0.1:{self.port}/0"\nstorage_password_file = "{file}"'

"""A running `extauth harness listen` for the tests: its ports, its log, and its end."""

from __future__ import annotations

import re
import select
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.helper import EXTAUTH, PATIENCE, wait_until

SERVICES = ("pop3", "imap", "smtp", "pop3s", "imaps", "smtps", "pwd")

_RECORD = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (\d [A-Z]+ .*)")


class MailServer:
    """The harness as a mail server, with every port open, and the helper that it asks.

    Leaving the context ends it. Then the log must not contain a record of a bug.
    """

    def __init__(
        self,
        folder: Path,
        accounts: str,
        program: Sequence[str],
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        file = folder / "accounts.toml"
        file.write_text(accounts)
        self._log = folder / "log"
        self._shown = folder / "shown"
        ports = [word for service in SERVICES for word in (f"--{service}", "0")]
        command = [*EXTAUTH, "harness", "listen", "--accounts", str(file), *ports, "--log-level", "All Info"]
        with self._log.open("w") as log, self._shown.open("w") as shown:
            self._process = subprocess.Popen(
                [*command, *options, "--", *program], stdout=shown, stderr=log, cwd=folder, env=environment
            )
        try:
            wait_until(self._ready, "the mail server")
        except BaseException:
            self._stop()
            raise
        lines = self.shown.splitlines()
        self._ports = dict(line.rsplit(":", 1) for line in lines if ":" in line)
        self.certificate = Path(next((line[12:] for line in lines if line.startswith("certificate ")), ""))

    @property
    def process(self) -> int:
        """Its process id."""
        return self._process.pid

    def port(self, service: str, host: str = "127.0.0.1") -> int:
        """Return the port of a service, by the name of its option."""
        return int(self._ports[f"{service.upper()} {host}"])

    @property
    def shown(self) -> str:
        """The standard output so far."""
        return self._shown.read_text()

    @property
    def log(self) -> list[str]:
        """All log records so far, without their times."""
        return _RECORD.findall(self._log.read_text())

    def wait_for(self, pattern: str, since: int = 0) -> list[str]:
        """Wait until a record after the first `since` matches. Return these records up to the match."""
        matched: list[str] = []

        def has_match() -> bool:
            records = self.log[since:]
            for number, record in enumerate(records, start=1):
                if re.search(pattern, record):
                    matched[:] = records[:number]
                    return True
            assert self._process.poll() is None, self._log.read_text()
            return False

        wait_until(has_match, f"{pattern!r} in {self._log}")
        return matched

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end, and return its exit status."""
        self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def __enter__(self) -> MailServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        assert [record for record in self.log if " SYSTEM " in record] == []

    def _stop(self) -> None:
        if self._process.poll() is not None:
            return
        try:
            self.end()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)
            raise

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        return self.shown.endswith("ready\n")


class LineClient:
    """A plain connection that sends and receives lines."""

    def __init__(self, port: int, source: str = "127.0.0.1", host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((host, port), PATIENCE, (source, 0))
        self._file = self._socket.makefile("rb")

    def read(self) -> bytes:
        """Return the next line, or nothing at the end of the connection."""
        return self._file.readline().removesuffix(b"\r\n")

    @property
    def has_more(self) -> bool:
        """True if a reply is there already."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def send(self, line: bytes, end: bytes = b"\r\n") -> None:
        """Send a line."""
        self._socket.sendall(line + end)

    def ask(self, line: bytes) -> bytes:
        """Send a line. Return the next line that arrives."""
        self.send(line)
        return self.read()

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""extauth, from the environment that this runs in."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.driver import Answer
from benchmarks.peers.peer import PipePeer, with_pam_services
from benchmarks.workloads import Login

PROGRAM = Path(sys.executable).with_name("extauth")
QUIET = '[log]\nmail_server_level = "Failures"\n'
"""Refusals are not logged: the others do not log them either."""


class MailServerDialect:
    """docs/protocol.md, sections 2 to 4."""

    information = b"* "

    def request(self, number: int, login: Login) -> bytes:
        """A VRFY request."""
        return f"{number} VRFY {login.name}@{login.domain} {login.password}\n".encode()

    def answer(self, line: bytes) -> Answer | None:
        """A refusal is one only with the text for wrong passwords; "temporary failure" is no answer."""
        number, _, text = line.partition(b" ")
        if not number.isdigit() or text not in (b"OK", b"ERROR incorrect password"):
            return None
        return Answer(int(number), text == b"OK")


def extauth(name: str, folder: Path, configuration: str, services: Path | None = None) -> PipePeer:
    """A helper with this configuration, which is written into the folder; `services` is for PAM."""
    path = folder / f"{name.replace(' ', '-').replace('/', '-')}.toml"
    path.write_text(QUIET + configuration)
    path.chmod(0o600)
    command: list[str | Path] = [PROGRAM, "serve", "-c", path]
    return PipePeer(name, MailServerDialect(), with_pam_services(services, command) if services else command)

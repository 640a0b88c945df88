"""Programs of this project: extauth itself, and three baselines.

The line loop in Perl (sample.pl) stands for the sample helpers that come with mail servers. The other two are limits.
No Python program that reads and writes lines is faster than the line loop in Python. No program that checks hashed
passwords is faster than crypt(3) on all cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.driver import Reply
from benchmarks.peers.peer import PipePeer, with_pam_services
from benchmarks.programs import EXTAUTH
from benchmarks.scratch import Directory
from benchmarks.workloads import Login

_FOLDER = Path(__file__).parent
_LOG_SETTINGS = '[log]\nmail_server_level = "Failures"\n'  # no line for each refusal: the peers do not log them either
_LINE_LOOP = """\
import sys
read, write, flush = sys.stdin.buffer.readline, sys.stdout.buffer.write, sys.stdout.buffer.flush
while line := read():
    write(line.split(b" ", 1)[0] + b" OK\\n")
    flush()
"""


class MailServerDialect:
    """The protocol of docs/protocol.md, sections 2 to 4."""

    information_prefix = b"* "

    def request(self, number: int, login: Login) -> bytes:
        """Return a VRFY request."""
        return f"{number} VRFY {login.name}@{login.domain} {login.password}\n".encode()

    def parse_reply(self, line: bytes) -> Reply | None:
        """Parse OK and "incorrect password". Other texts, such as "temporary failure", are invalid here."""
        number, _, text = line.partition(b" ")
        if not number.isdigit() or text not in (b"OK", b"ERROR incorrect password"):
            return None
        return Reply(int(number), text == b"OK")


def extauth(name: str, folder: Path, configuration: str, services: Path | None = None) -> PipePeer:
    """Return a helper with this configuration, which is written into the folder. `services` is for PAM."""
    path = folder / f"{name.replace(' ', '-').replace('/', '-')}.toml"
    path.write_text(_LOG_SETTINGS + configuration)
    path.chmod(0o600)
    command: list[str | Path] = [EXTAUTH, "serve", "-c", path]
    return PipePeer(name, MailServerDialect(), with_pam_services(services, command) if services else command)


def perl_loop(directory: Directory) -> PipePeer:
    """Return the line loop in Perl. It asks an LDAP server unless its cache of clear texts has the password."""
    return _perl_loop(directory)


def perl_loop_without_cache(directory: Directory) -> PipePeer:
    """Return the line loop in Perl that asks the LDAP server each time."""
    return _perl_loop(directory, "0")


def _perl_loop(directory: Directory, *ttl: str) -> PipePeer:
    arguments = [directory.url, directory.people, directory.reader, directory.reader_password, *ttl]
    return PipePeer("line loop, Perl", MailServerDialect(), ["perl", _FOLDER / "sample.pl", *arguments])


def line_loop() -> PipePeer:
    """Return the line loop in Python: it looks at no password and writes OK for each request, one write each."""
    return PipePeer("line loop, Python", MailServerDialect(), [sys.executable, "-S", "-E", "-c", _LINE_LOOP])


class CryptLimit:
    """crypt(3) on one thread for each core. It reads no requests, only the hashes of a password file."""

    def __init__(self, folder: Path, password_file: Path) -> None:
        self.name = f"crypt(3), {os.cpu_count()} threads"
        self._program = folder / "crypt_threads"
        self._file = password_file
        if not self._program.exists():
            source = str(_FOLDER / "crypt_threads.c")
            command = ["cc", "-O2", "-Wall", "-Wextra", "-pthread", "-o", str(self._program), source, "-lcrypt"]
            subprocess.run(command, check=True)

    def rate(self, seconds: float) -> float:
        """Return how many passwords it checks in a second."""
        command = [str(self._program), str(self._file), str(os.cpu_count()), str(seconds)]
        return float(subprocess.run(command, check=True, capture_output=True).stdout)

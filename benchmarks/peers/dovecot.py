"""Dovecot 2.3's auth service, at its socket. It is one process, with more processes for PAM."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from benchmarks.driver import Reply, Stream
from benchmarks.peers.peer import Peer, Running, accepts, with_pam_services
from benchmarks.programs import START_TIMEOUT, ProgramError, running, wait_until
from benchmarks.scratch import Directory
from benchmarks.workloads import Login

_CONFIGURATION = """\
base_dir = {folder}
state_dir = {folder}
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain
disable_plaintext_auth = no
auth_username_format = %n
auth_cache_size = {cache}
passdb {{
  driver = {driver}
  args = {arguments}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
"""
_DIRECTORY = """\
uris = {directory.url}
dn = {directory.reader}
dnpass = {directory.reader_password}
auth_bind = yes
base = {directory.people}
pass_filter = (uid=%u)
pass_attrs = uid=user
"""
_CACHE = "64M"


class DovecotDialect:
    """The client side of Dovecot's authentication protocol, version 1.2."""

    information_prefix = None

    def request(self, number: int, login: Login) -> bytes:
        """Return a SASL PLAIN request with an initial response."""
        response = base64.b64encode(f"\0{login.name}@{login.domain}\0{login.password}".encode()).decode()
        return f"AUTH\t{number}\tPLAIN\tservice=smtp\tsecured\tno-penalty\tresp={response}\n".encode()

    def parse_reply(self, line: bytes) -> Reply | None:
        """Parse OK or FAIL and the number. A FAIL with "temp" is no valid reply."""
        word, *fields = line.split(b"\t")
        if word not in (b"OK", b"FAIL") or not fields or not fields[0].isdigit() or b"temp" in fields:
            return None
        return Reply(int(fields[0]), word == b"OK")


class Dovecot(Peer):
    """A Dovecot with one passdb and no other service."""

    dialect = DovecotDialect()
    refuses_immediately = False  # it collects refusals and sends them twice a second

    def __init__(
        self, name: str, folder: Path, driver: str, arguments: str, *, cache: bool = False, services: Path | None = None
    ) -> None:
        self.name = name
        self._folder = folder / name.replace(", ", "-")
        self._services = services
        self._text = _CONFIGURATION.format(
            folder=self._folder, driver=driver, arguments=arguments, cache=_CACHE if cache else 0
        )

    @contextlib.contextmanager
    def started(self) -> Iterator[Running[Stream]]:
        """Start Dovecot. It ends with the context."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        configuration = self._folder.with_suffix(".conf")  # Dovecot puts a link with this name into the folder
        configuration.write_text(self._text)
        command: list[str | Path] = ["dovecot", "-F", "-c", configuration]
        if self._services:
            command = with_pam_services(self._services, command)
        path = self._folder / "auth-client"
        with running(command) as process, socket.socket(socket.AF_UNIX) as connection:
            wait_until(lambda: accepts(path) or process.poll() is not None, "Dovecot's socket")
            if process.poll() is not None:
                raise ProgramError("Dovecot does not start (it must be version 2.3 and needs root)")
            try:
                _greet(connection, path)
            except OSError as error:
                raise ProgramError(f"Dovecot does not reply: {error}") from error
            yield Running(process.pid, Stream(connection.fileno(), connection.fileno()))


def _greet(connection: socket.socket, path: Path) -> None:
    connection.settimeout(START_TIMEOUT)
    connection.connect(str(path))
    connection.sendall(f"VERSION\t1\t2\nCPID\t{os.getpid()}\n".encode())
    greeting = b""
    while not greeting.endswith(b"DONE\n"):
        chunk = connection.recv(4096)
        if not chunk:
            raise ProgramError("Dovecot closes the connection")
        greeting += chunk


def dovecot_file(folder: Path, password_file: Path) -> Dovecot:
    """Return a Dovecot that checks a password file."""
    return Dovecot("dovecot, file", folder, "passwd-file", f"scheme=CRYPT {password_file}")


def dovecot_ldap(folder: Path, directory: Directory, *, cache: bool = False) -> Dovecot:
    """Return a Dovecot that asks an LDAP server."""
    settings = folder / "dovecot.directory"
    settings.write_text(_DIRECTORY.format(directory=directory))
    return Dovecot("dovecot, ldap", folder, "ldap", str(settings), cache=cache)


def dovecot_pam(folder: Path, services: Path, service: str) -> Dovecot:
    """Return a Dovecot that asks PAM, with the services in this folder."""
    return Dovecot("dovecot, pam", folder, "pam", service, services=services)

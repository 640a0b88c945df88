"""saslauthd of Cyrus SASL, at its socket. It is five processes, and needs a connection for each request."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

from benchmarks.driver import Connections, Reply
from benchmarks.peers.peer import Peer, Running, accepts, with_pam_services
from benchmarks.programs import ProgramError, running, wait_until
from benchmarks.scratch import Directory
from benchmarks.workloads import Login

_DIRECTORY = """\
ldap_servers: {directory.url}
ldap_bind_dn: {directory.reader}
ldap_bind_pw: {directory.reader_password}
ldap_search_base: {directory.people}
ldap_filter: uid=%u
ldap_auth_method: bind
"""
_CACHE = ("-c", "-s", "4096")  # KiB: the default is too small for a thousand accounts


class SaslauthdDialect:
    """saslauthd's protocol: name, password, service and realm, each after its 2-byte length."""

    information_prefix = None

    def __init__(self, service: str = "smtp") -> None:
        self._service = service

    def request(self, number: int, login: Login) -> bytes:
        """Return the request of a login."""
        fields = [text.encode() for text in (login.name, login.password, self._service, "")]
        return b"".join(struct.pack("!H", len(field)) + field for field in fields)

    def parse_reply(self, line: bytes) -> Reply | None:
        """Parse the number that the driver added, and OK or NO."""
        number, _, text = line.partition(b" ")
        return Reply(int(number), text[:2] == b"OK") if text[:2] in (b"OK", b"NO") else None


class Saslauthd(Peer):
    """A saslauthd with one of its mechanisms (ldap, pam)."""

    under_way = 32
    """The length of its socket's queue."""

    def __init__(self, name: str, folder: Path, arguments: list[str], service: str, services: Path | None) -> None:
        self.name = name
        self.dialect = SaslauthdDialect(service)
        self._folder = folder / "saslauthd"
        self._arguments = arguments
        self._services = services

    @contextlib.contextmanager
    def started(self) -> Iterator[Running[Connections]]:
        """Start saslauthd. It ends with the context."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        command: list[str | Path] = ["saslauthd", "-m", self._folder, *self._arguments]
        if self._services:
            command = with_pam_services(self._services, command)
        path, file = self._folder / "mux", self._folder / "saslauthd.pid"
        with running(command) as starter:
            wait_until(lambda: accepts(path) or bool(starter.poll()), "saslauthd's socket")
            if starter.poll():
                raise ProgramError("saslauthd does not start (it needs root)")
            wait_until(lambda: file.exists() and bool(file.read_text()), "saslauthd's pid file")
            process = int(file.read_text())
            try:
                yield Running(process, Connections(str(path)))
            finally:
                os.kill(process, signal.SIGTERM)
                wait_until(lambda: not Path(f"/proc/{process}").exists(), "saslauthd's end")


def saslauthd_ldap(folder: Path, directory: Directory, *, cache: bool = False) -> Saslauthd:
    """Return a saslauthd that asks an LDAP server."""
    settings = folder / "saslauthd-ldap.conf"
    settings.write_text(_DIRECTORY.format(directory=directory))
    arguments = ["-a", "ldap", "-O", str(settings), *(_CACHE if cache else ())]
    return Saslauthd("saslauthd, ldap", folder, arguments, "smtp", None)


def saslauthd_pam(folder: Path, services: Path, service: str) -> Saslauthd:
    """Return a saslauthd that asks PAM, with the services in this folder."""
    return Saslauthd("saslauthd, pam", folder, ["-a", "pam"], service, services)

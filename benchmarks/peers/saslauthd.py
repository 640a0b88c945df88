"""saslauthd of Cyrus SASL, at its socket: five processes, a connection for each request."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

from benchmarks.directory import Directory
from benchmarks.driver import Answer, Connections
from benchmarks.peers.peer import Peer, Running, accepts, with_pam_services
from benchmarks.programs import FailedError, running, wait_until
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
    """Name, password, service and realm, each behind its length in two bytes."""

    information = None

    def __init__(self, service: str = "smtp") -> None:
        self._service = service

    def request(self, number: int, login: Login) -> bytes:
        """A login; `service` is PAM's."""
        fields = [text.encode() for text in (login.name, login.password, self._service, "")]
        return b"".join(struct.pack("!H", len(field)) + field for field in fields)

    def answer(self, line: bytes) -> Answer | None:
        """A number of our own, and OK or NO."""
        number, _, text = line.partition(b" ")
        return Answer(int(number), text[:2] == b"OK") if text[:2] in (b"OK", b"NO") else None


class Saslauthd(Peer):
    """A saslauthd that asks one mechanism."""

    under_way = 32
    """Its socket's queue is as long as that."""

    def __init__(self, name: str, folder: Path, arguments: list[str], service: str, services: Path | None) -> None:
        self.name = name
        self.dialect = SaslauthdDialect(service)
        self._folder = folder / "saslauthd"
        self._arguments = arguments
        self._services = services

    @contextlib.contextmanager
    def started(self) -> Iterator[Running[Connections]]:
        """Start it, to end with the context."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        command: list[str | Path] = ["saslauthd", "-m", self._folder, *self._arguments]
        if self._services:
            command = with_pam_services(self._services, command)
        path, file = self._folder / "mux", self._folder / "saslauthd.pid"
        with running(command) as starter:
            wait_until(lambda: accepts(path) or bool(starter.poll()), "saslauthd's socket")
            if starter.poll():
                raise FailedError("saslauthd does not start (it must be started by root)")
            wait_until(lambda: file.exists() and bool(file.read_text()), "saslauthd's number")
            process = int(file.read_text())
            try:
                yield Running(process, Connections(str(path)))
            finally:
                os.kill(process, signal.SIGTERM)
                wait_until(lambda: not Path(f"/proc/{process}").exists(), "saslauthd's end")


def saslauthd_ldap(folder: Path, directory: Directory, *, cache: bool = False) -> Saslauthd:
    """Asks a directory."""
    settings = folder / "saslauthd-ldap.conf"
    settings.write_text(_DIRECTORY.format(directory=directory))
    arguments = ["-a", "ldap", "-O", str(settings), *(_CACHE if cache else ())]
    return Saslauthd("saslauthd, ldap", folder, arguments, "smtp", None)


def saslauthd_pam(folder: Path, services: Path, service: str) -> Saslauthd:
    """Asks PAM, which has its services in this folder."""
    return Saslauthd("saslauthd, pam", folder, ["-a", "pam"], service, services)

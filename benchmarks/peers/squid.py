"""The helpers that squid starts for basic authentication: one process each, which answers in order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.directory import Directory
from benchmarks.driver import Answer
from benchmarks.peers.peer import PipePeer, with_pam_services
from benchmarks.workloads import Login

_HELPERS = Path("/usr/lib/squid")


class SquidDialect:
    """Squid's protocol for basic authenticators, without channel numbers."""

    information = None

    def request(self, number: int, login: Login) -> bytes:
        """Name and password; what would need escapes does not occur here."""
        return f"{login.name} {login.password}\n".encode()

    def answer(self, line: bytes) -> Answer | None:
        """OK, or ERR with or without a reason."""
        word = line.partition(b" ")[0]
        return Answer(None, word == b"OK") if word in (b"OK", b"ERR") else None


def squid_ncsa(password_file: Path) -> PipePeer:
    """Checks a password file."""
    return PipePeer("squid, ncsa", SquidDialect(), [_HELPERS / "basic_ncsa_auth", password_file])


def squid_ldap(directory: Directory) -> PipePeer:
    """Asks a directory, over a connection that it keeps."""
    reader = ["-D", directory.reader, "-w", directory.reader_password]
    where = ["-b", directory.people, "-f", "(uid=%s)", "-H", directory.url]
    return PipePeer("squid, ldap", SquidDialect(), [_HELPERS / "basic_ldap_auth", "-P", *reader, *where])


def squid_pam(services: Path, service: str) -> PipePeer:
    """Asks PAM, which has its services in this folder."""
    command = with_pam_services(services, [_HELPERS / "basic_pam_auth", "-n", service])
    return PipePeer("squid, pam", SquidDialect(), command)

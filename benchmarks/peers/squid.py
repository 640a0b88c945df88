"""squid's helpers for basic authentication. Each is one process and replies in order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.driver import Reply
from benchmarks.peers.peer import PipePeer, with_pam_services
from benchmarks.scratch import Directory
from benchmarks.workloads import Login

_HELPERS = Path("/usr/lib/squid")


class SquidDialect:
    """squid's protocol for basic authentication, without channel numbers."""

    information_prefix = None

    def request(self, number: int, login: Login) -> bytes:
        """Return name and password. Nothing here needs an escape."""
        return f"{login.name} {login.password}\n".encode()

    def parse_reply(self, line: bytes) -> Reply | None:
        """Parse OK, or ERR with or without a reason."""
        word = line.partition(b" ")[0]
        return Reply(None, word == b"OK") if word in (b"OK", b"ERR") else None


def squid_ncsa(password_file: Path) -> PipePeer:
    """Return the helper that checks a password file."""
    return PipePeer("squid, ncsa", SquidDialect(), [_HELPERS / "basic_ncsa_auth", password_file])


def squid_ldap(directory: Directory) -> PipePeer:
    """Return the helper that asks an LDAP server over a persistent connection."""
    reader = ["-D", directory.reader, "-w", directory.reader_password]
    where = ["-b", directory.people, "-f", "(uid=%s)", "-H", directory.url]
    return PipePeer("squid, ldap", SquidDialect(), [_HELPERS / "basic_ldap_auth", "-P", *reader, *where])


def squid_pam(services: Path, service: str) -> PipePeer:
    """Return the helper that asks PAM, with the services in this folder."""
    command = with_pam_services(services, [_HELPERS / "basic_pam_auth", "-n", service])
    return PipePeer("squid, pam", SquidDialect(), command)

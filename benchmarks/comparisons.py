"""The workloads, extauth's configuration for each, and its peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.peers.dovecot import dovecot_file, dovecot_ldap, dovecot_pam
from benchmarks.peers.own import CryptLimit, extauth, line_loop, perl_loop, perl_loop_without_cache
from benchmarks.peers.peer import Peer, PipePeer
from benchmarks.peers.saslauthd import saslauthd_ldap, saslauthd_pam
from benchmarks.peers.squid import squid_ldap, squid_ncsa, squid_pam
from benchmarks.scratch import PAM_SERVICE, Scratch

CACHED_ACCOUNTS = 1_000
"""The number of accounts that log in again and again."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Logins, extauth's configuration for them, and the peers.

    `max_rate` is the number of logins for each second. A faster program has a shorter run.
    """

    name: str
    ours: Callable[[Scratch], PipePeer]
    peers: tuple[Callable[[Scratch], Peer | CryptLimit], ...]
    max_rate: int
    cached: bool = False


def _files(scheme: str, scratch: Scratch) -> PipePeer:
    path = scratch.password_file(scheme)
    return extauth(f"files-{scheme}", scratch.folder, f'[[backend]]\ntype = "files"\npath = "{path}"\n')


def _pam(scratch: Scratch) -> PipePeer:
    section = f'[[backend]]\ntype = "pam"\nservice = "{PAM_SERVICE}"\n'
    return extauth("pam", scratch.folder, section, scratch.pam_services)


def _ldap(cache: str, scratch: Scratch) -> PipePeer:
    directory = scratch.directory
    secret = scratch.folder / "reader.secret"
    secret.write_text(directory.reader_password)
    secret.chmod(0o600)
    section = (
        f'[[backend]]\ntype = "ldap"\nservers = ["{directory.url}"]\n'
        f'bind_dn = "{directory.reader}"\nbind_password_file = "{secret}"\n'
        f'base = "{directory.people}"\nfilter = "(uid={{name}})"\n'
    )
    return extauth("ldap-hits" if cache else "ldap", scratch.folder, cache + section)


def _crypt(scheme: str, scratch: Scratch) -> CryptLimit:
    return CryptLimit(scratch.folder, scratch.password_file(scheme))


def _squid_ncsa(scheme: str, scratch: Scratch) -> Peer:
    return squid_ncsa(scratch.password_file(scheme))


def _dovecot_file(scheme: str, scratch: Scratch) -> Peer:
    return dovecot_file(scratch.folder, scratch.password_file(scheme))


def _hashes(scheme: str, max_rate: int) -> Workload:
    peers = (partial(_dovecot_file, scheme), partial(_squid_ncsa, scheme), partial(_crypt, scheme))
    return Workload(f"files/{scheme}", partial(_files, scheme), peers, max_rate)


WORKLOADS = (
    Workload(
        "hits",
        partial(_ldap, "[cache]\n"),
        (
            lambda scratch: perl_loop(scratch.directory),
            lambda scratch: dovecot_ldap(scratch.folder, scratch.directory, cache=True),
            lambda scratch: saslauthd_ldap(scratch.folder, scratch.directory, cache=True),
            lambda scratch: line_loop(),
        ),
        max_rate=400_000,
        cached=True,
    ),
    _hashes("sha512", 20_000),
    _hashes("bcrypt", 20_000),
    _hashes("md5crypt", 100_000),
    Workload("files/sha", partial(_files, "sha"), (partial(_dovecot_file, "sha"),), max_rate=250_000),
    Workload(
        "ldap",
        partial(_ldap, ""),
        (
            lambda scratch: perl_loop_without_cache(scratch.directory),
            lambda scratch: dovecot_ldap(scratch.folder, scratch.directory),
            lambda scratch: saslauthd_ldap(scratch.folder, scratch.directory),
            lambda scratch: squid_ldap(scratch.directory),
        ),
        max_rate=50_000,
    ),
    Workload(
        "pam/md5",
        _pam,
        (
            lambda scratch: saslauthd_pam(scratch.folder, scratch.pam_services, PAM_SERVICE),
            lambda scratch: dovecot_pam(scratch.folder, scratch.pam_services, PAM_SERVICE),
            lambda scratch: squid_pam(scratch.pam_services, PAM_SERVICE),
        ),
        max_rate=100_000,
    ),
)

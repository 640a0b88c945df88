"""What is compared with what: workloads, extauth's configuration for each, and the others that do the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.peers.crypt_limit import CryptLimit
from benchmarks.peers.dovecot import dovecot_file, dovecot_ldap, dovecot_pam
from benchmarks.peers.line_loop import line_loop
from benchmarks.peers.ours import extauth
from benchmarks.peers.peer import Peer, PipePeer
from benchmarks.peers.perl_sample import perl_sample, perl_sample_without_cache
from benchmarks.peers.saslauthd import saslauthd_ldap, saslauthd_pam
from benchmarks.peers.squid import squid_ldap, squid_ncsa, squid_pam
from benchmarks.scratch import PAM_SERVICE, Scratch

HITS_OF = 1_000
"""Accounts that log in again and again."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Logins, extauth's configuration for them, and whom to compare it with.

    `quickest` is how many logins there are for each second. A program that is quicker has a shorter run.
    """

    name: str
    ours: Callable[[Scratch], PipePeer]
    others: tuple[Callable[[Scratch], Peer | CryptLimit], ...]
    quickest: int
    cached: bool = False


def _files(scheme: str, scratch: Scratch) -> PipePeer:
    path = scratch.password_file(scheme)
    return extauth(f"files-{scheme}", scratch.folder, f'[[backend]]\ntype = "files"\npath = "{path}"\n')


def _pam(scratch: Scratch) -> PipePeer:
    section = f'[[backend]]\ntype = "pam"\nservice = "{PAM_SERVICE}"\n'
    return extauth("pam", scratch.folder, section, scratch.pam_services)


def _ldap(engine: str, cache: str, scratch: Scratch) -> PipePeer:
    it = scratch.directory
    secret = scratch.folder / "reader.secret"
    secret.write_text(it.reader_password)
    secret.chmod(0o600)
    section = (
        f'[[backend]]\ntype = "ldap"\nengine = "{engine}"\nservers = ["{it.url}"]\nbind_dn = "{it.reader}"\n'
        f'bind_password_file = "{secret}"\nbase = "{it.people}"\nfilter = "(uid={{name}})"\n'
    )
    return extauth(f"{engine}{'-hits' if cache else ''}", scratch.folder, cache + section)


def _crypt(scheme: str, scratch: Scratch) -> CryptLimit:
    return CryptLimit(scratch.folder, scratch.password_file(scheme))


def _squid_ncsa(scheme: str, scratch: Scratch) -> Peer:
    return squid_ncsa(scratch.password_file(scheme))


def _dovecot_file(scheme: str, scratch: Scratch) -> Peer:
    return dovecot_file(scratch.folder, scratch.password_file(scheme))


def _hashes(scheme: str, quickest: int) -> Workload:
    others = (partial(_dovecot_file, scheme), partial(_squid_ncsa, scheme), partial(_crypt, scheme))
    return Workload(f"files/{scheme}", partial(_files, scheme), others, quickest)


WORKLOADS = (
    Workload(
        "hits",
        partial(_ldap, "ldap3", "[cache]\n"),
        (
            lambda at: perl_sample(at.directory),
            lambda at: dovecot_ldap(at.folder, at.directory, cache=True),
            lambda at: saslauthd_ldap(at.folder, at.directory, cache=True),
            lambda at: line_loop(),
        ),
        quickest=400_000,
        cached=True,
    ),
    _hashes("sha512", 20_000),
    _hashes("bcrypt", 20_000),
    _hashes("md5crypt", 100_000),
    Workload("files/sha", partial(_files, "sha"), (partial(_dovecot_file, "sha"),), quickest=250_000),
    Workload(
        "ldap/ldap3",
        partial(_ldap, "ldap3", ""),
        (
            lambda at: perl_sample_without_cache(at.directory),
            lambda at: dovecot_ldap(at.folder, at.directory),
        ),
        quickest=50_000,
    ),
    Workload(
        "ldap/python-ldap",
        partial(_ldap, "python-ldap", ""),
        (
            lambda at: dovecot_ldap(at.folder, at.directory),
            lambda at: saslauthd_ldap(at.folder, at.directory),
            lambda at: squid_ldap(at.directory),
        ),
        quickest=50_000,
    ),
    Workload(
        "pam/md5",
        _pam,
        (
            lambda at: saslauthd_pam(at.folder, at.pam_services, PAM_SERVICE),
            lambda at: dovecot_pam(at.folder, at.pam_services, PAM_SERVICE),
            lambda at: squid_pam(at.pam_services, PAM_SERVICE),
        ),
        quickest=100_000,
    ),
)

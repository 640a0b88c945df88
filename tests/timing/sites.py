"""The configurations that are measured, and the requests that get the same reply in each."""

from __future__ import annotations

import contextlib
import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import passlib.hash  # type: ignore[import-untyped]

from tests.backends.ldap.ldap_site import ENTRIES, HASHES, PEOPLE_BY_UID, READER, ldap_site, person, section
from tests.backends.ldap.slapd import Slapd
from tests.backends.pam.services import Services, hashed
from tests.helper import Site

_ACCOUNTS = 1000
_HEAD = 'default_domain = "x.example"\n[helper]\nworkers = 1\n'
_DIGEST = b64encode(hashlib.sha1(b"its own").digest()).decode()  # noqa: S324  # the scheme {SHA}

Cases = dict[str, str]
"""What a request shows, and the request without its number. `{n}` is a number that is new each time."""

PASSWORDS: Cases = {
    "wrong password": "VRFY user7@x.example guess{n}",
    "unknown account": "VRFY nobody@x.example guess{n}",
    "locked account": "VRFY locked@x.example guess{n}",
}
_RESPONSE = "{n:032x} <{n}@x.example>"
RESPONSES: Cases = {
    "wrong response": f"SASL(CRAM-MD5) user7@x.example {_RESPONSE}",
    "unknown account": f"SASL(CRAM-MD5) nobody@x.example {_RESPONSE}",
    "locked account": f"SASL(CRAM-MD5) locked@x.example {_RESPONSE}",
    "one-way hash": f"SASL(CRAM-MD5) hashed@x.example {_RESPONSE}",
}


def files(folder: Path, stored: str) -> Site:
    """Return a site with a password file in which every account has this stored password."""
    return chain(folder, [(stored, "user", "")])


def chain(folder: Path, backends: list[tuple[str, str, str]]) -> Site:
    """Return a site with several files: the stored password, the names of its accounts, and further keys of each."""
    site, sections = Site(folder), ""
    for number, (stored, name, keys) in enumerate(backends):
        lines = [f"{name}{user}@x.example:{stored}\n" for user in range(_ACCOUNTS)]
        if name == "user":
            lines += ["locked@x.example:!\n", f"hashed@x.example:{{SHA}}{_DIGEST}\n"]
        site.write(f"passwd{number}", "".join(lines))
        sections += f'[[backend]]\ntype = "files"\npath = "passwd{number}"\n{keys}\n'
    site.configure(_HEAD + sections)
    return site


@contextlib.contextmanager
def ldap(folder: Path, keys: str, stored: str) -> Iterator[Site]:
    """Return a site with a directory. `stored` is the userPassword of each entry."""
    (folder / "site").mkdir()
    people = "".join(person(f"user{number}", stored) for number in range(50))
    people += person("locked", stored, more="pwdAccountLockedTime: 000001010000Z\n")
    slapd = Slapd(folder / "slapd", ENTRIES + people)
    try:
        site = ldap_site(folder / "site")
        site.configure(_HEAD + section("x", keys, PEOPLE_BY_UID, servers=repr(slapd.url)))
        yield site
    finally:
        slapd.kill()


@contextlib.contextmanager
def pam(folder: Path) -> Iterator[Site]:
    """Return a site with a PAM service that reads a file of crypt(3) hashes."""
    site, services = Site(folder), Services(folder / "pam.d")
    (stored,) = hashed("its own")
    lines = [f"user{number}:{stored}" for number in range(50)]
    services.pwdfile_of("extauth", [*lines, f"locked:!{stored}"])
    site.configure(_HEAD + '[[backend]]\ntype = "pam"\nservice = "extauth"\nservice_folder = "pam.d"\nmin_uid = 0\n')
    yield site


def all_sites(folder: Path) -> Iterator[tuple[str, Site, Cases]]:
    """Yield the name of each site, the site, and the requests to compare. The first one is compared with the others."""

    def new() -> Path:
        new_folder = folder / f"site{len(list(folder.iterdir()))}"
        new_folder.mkdir()
        return new_folder

    crypt = passlib.hash.sha512_crypt.using(rounds=1000).hash("its own")
    yield "files, {SHA}", files(new(), "{SHA}" + _DIGEST), PASSWORDS
    yield "files, sha512-crypt", files(new(), crypt), PASSWORDS
    yield "files, CRAM-MD5", files(new(), "{PLAIN}its own"), RESPONSES
    with ldap(new(), READER, "its own") as site:
        yield "ldap, search and bind", site, PASSWORDS
    with ldap(new(), HASHES + '\ncheck = "hash"', "{SHA}" + _DIGEST) as site:
        yield 'ldap, check = "hash", {SHA}', site, PASSWORDS
    with ldap(new(), HASHES + '\ncheck = "hash"', "{CRYPT}" + crypt) as site:
        yield 'ldap, check = "hash", sha512-crypt', site, PASSWORDS
    with pam(new()) as site:
        yield "pam, pam_pwdfile", site, PASSWORDS
    second = {"account of the second": "VRFY other7@x.example guess{n}"}
    for name, stored in (("{SHA}", "{SHA}" + _DIGEST), ("sha512-crypt", crypt)):
        both = [(stored, "user", ""), (stored, "other", "")]
        yield f"two files, {name}", chain(new(), both), PASSWORDS | second
        both[0] = (stored, "user", 'on_mismatch = "stop"')
        yield f'two files, on_mismatch = "stop", {name}', chain(new(), both), PASSWORDS | second

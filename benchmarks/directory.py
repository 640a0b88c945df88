"""A slapd with the accounts of the workloads, on a port that the system gives."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import FailedError, running, wait_until
from benchmarks.workloads import ldif
from tests.backends.ldap.slapd import free_port

_SUFFIX = "dc=example"
_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
loglevel none
database mdb
suffix "{suffix}"
rootdn "{directory.reader}"
rootpw {directory.reader_password}
directory {folder}
maxsize 268435456
index objectClass,uid eq
access to attrs=userPassword by anonymous auth
access to * by * read
"""


@dataclass(frozen=True, slots=True)
class Directory:
    """Where it is, and what it wants to hear."""

    url: str
    people: str = f"ou=people,{_SUFFIX}"
    reader: str = f"cn=reader,{_SUFFIX}"
    reader_password: str = "reader"  # noqa: S105  # of a directory that is gone in a minute


@contextlib.contextmanager
def directory(folder: Path, accounts: int) -> Iterator[Directory]:
    """A directory with so many accounts, until the context ends."""
    it = Directory(f"ldap://127.0.0.1:{free_port()}")
    folder.mkdir()
    configuration = folder / "slapd.conf"
    configuration.write_text(_CONFIGURATION.format(suffix=_SUFFIX, directory=it, folder=folder))
    top = f"dn: {_SUFFIX}\nobjectClass: domain\ndc: example\n\n"
    people = f"dn: {it.people}\nobjectClass: organizationalUnit\nou: people\n\n"
    entries = top + people + "".join(ldif(accounts, it.people))
    subprocess.run(["/usr/sbin/slapadd", "-q", "-f", configuration], input=entries.encode(), check=True)
    with running(["/usr/sbin/slapd", "-d", "0", "-f", configuration, "-h", it.url]) as process:
        port = int(it.url.rpartition(":")[2])
        wait_until(lambda: _listens(port) or process.poll() is not None, "slapd")
        if process.poll() is not None:
            raise FailedError("slapd does not start")
        yield it


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False

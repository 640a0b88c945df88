"""The temporary folder of the benchmarks: password files, PAM services, and an LDAP server.

Each thing is made when it is first needed.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import ProgramError, running, wait_until
from benchmarks.workloads import ACCOUNTS, ldif, write_password_file
from tests.backends.ldap.slapd import free_port

PAM_SERVICE = "login-md5"

_SUFFIX = "dc=example"
_SLAPD_CONFIGURATION = """\
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
    """An LDAP server: its URL, the base of the accounts, and the service account."""

    url: str
    people: str = f"ou=people,{_SUFFIX}"
    reader: str = f"cn=reader,{_SUFFIX}"
    reader_password: str = "reader"  # noqa: S105  # the server runs for a minute, on the loopback


class Scratch:
    """The folder. `exit_stack` ends what runs beside it."""

    def __init__(self, folder: Path, exit_stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._exit_stack = exit_stack

    @functools.cache  # noqa: B019  # there is one object, which lives as long as the program
    def password_file(self, scheme: str, accounts: int = ACCOUNTS) -> Path:
        """Return a password file. `scheme` is a key of workloads.SCHEMES."""
        path = self.folder / f"{scheme}-{accounts}"
        write_password_file(path, scheme, range(accounts))
        return path

    @functools.cached_property
    def directory(self) -> Directory:
        """A running slapd with the accounts."""
        return self._exit_stack.enter_context(_slapd(self.folder / "slapd", ACCOUNTS))

    @functools.cached_property
    def pam_services(self) -> Path:
        """A copy of /etc/pam.d with one more service, which checks a password file without delays.

        The other services are needed too: PAM always reads `other` and loads its modules.
        """
        folder = shutil.copytree("/etc/pam.d", self.folder / "pam.d")
        file = self.password_file("md5crypt")
        service = f"auth required pam_pwdfile.so pwdfile={file} nodelay\naccount required pam_permit.so\n"
        (folder / PAM_SERVICE).write_text(service)
        return folder


@contextlib.contextmanager
def open_scratch() -> Iterator[Scratch]:
    """Make the folder, and remove it when the context ends. All users can read it: some peers drop root."""
    with tempfile.TemporaryDirectory(prefix="extauth-benchmark-") as name, contextlib.ExitStack() as exit_stack:
        Path(name).chmod(0o755)
        yield Scratch(Path(name), exit_stack)


@contextlib.contextmanager
def _slapd(folder: Path, accounts: int) -> Iterator[Directory]:
    directory = Directory(f"ldap://127.0.0.1:{free_port()}")
    folder.mkdir()
    configuration = folder / "slapd.conf"
    configuration.write_text(_SLAPD_CONFIGURATION.format(suffix=_SUFFIX, directory=directory, folder=folder))
    top = f"dn: {_SUFFIX}\nobjectClass: domain\ndc: example\n\n"
    people = f"dn: {directory.people}\nobjectClass: organizationalUnit\nou: people\n\n"
    entries = top + people + "".join(ldif(accounts, directory.people))
    subprocess.run(["/usr/sbin/slapadd", "-q", "-f", configuration], input=entries.encode(), check=True)
    with running(["/usr/sbin/slapd", "-d", "0", "-f", configuration, "-h", directory.url]) as process:
        port = int(directory.url.rpartition(":")[2])
        wait_until(lambda: _listens(port) or process.poll() is not None, "slapd")
        if process.poll() is not None:
            raise ProgramError("slapd does not start")
        yield directory


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False

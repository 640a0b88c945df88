"""A real slapd with its own database, and test certificates."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.helper import PATIENCE, wait_until

READER_PASSWORD = "reader's own"

SCHEMA = """\
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'accountExpires' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.3.6.1.4.1.99999.1.5 NAME 'pwdLastSet' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.3.6.1.4.1.99999.1.6 NAME 'lockoutTime' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.3.6.1.4.1.99999.1.7 NAME 'primaryGroupID' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.3.6.1.4.1.99999.1.8 NAME 'objectSid' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
"""

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
{schema}
{tls}
database mdb
suffix "dc=example"
rootdn "cn=root,dc=example"
rootpw root
maxsize 33554432
dbnosync
directory {folder}/db
limits dn.exact="cn=limited,dc=example" size.soft=1 size.hard=1
access to attrs=userPassword
  by dn.exact="cn=hashes,dc=example" read
  by anonymous auth
access to * by * read
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,ou=policies,dc=example"
ppolicy_use_lockout
"""


def free_port() -> int:
    """Return a port on which no program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _ldif(entries: str) -> bytes:
    """Encode entries as LDIF. Values that are not ASCII become base64."""
    lines = []
    for line in entries.split("\n"):
        name, _, value = line.partition(": ")
        lines.append(line if line.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join(lines).encode()


EC_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA_KEY = ("rsa:2048",)


class Certificates:
    """A test CA, and certificates for servers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = folder / "ca.pem"
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"),
        )

    def issue(
        self, name: str, host: str = "IP:127.0.0.1", *, expired: bool = False, key: tuple[str, ...] = EC_KEY
    ) -> tuple[Path, Path]:
        """Issue a certificate for `host`, written as in subjectAltName. Return certificate and key."""
        self._request(name, key=key)
        (self._folder / "index.txt").write_bytes(b"")
        (self._folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca=test\n[test]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n"
            f"policy=any\nx509_extensions=server\n[any]\ncommonName=supplied\n[server]\nsubjectAltName={host}\n"
        )
        validity = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z") if expired else ("-days", "2")
        self._openssl(
            *("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-notext"),
            *("-in", f"{name}.csr", "-out", f"{name}.pem", *validity),
        )
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def self_signed(self, name: str, host: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        """Issue a self-signed certificate. Return certificate and key."""
        self._request(name, "-x509", "-days", "2", "-addext", f"subjectAltName={host}", out=f"{name}.pem")
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def _request(self, name: str, *options: str, out: str = "", key: tuple[str, ...] = EC_KEY) -> None:
        self._openssl(
            *("req", "-new", "-newkey", *key, "-nodes", "-subj", "/CN=directory"),
            *(*options, "-keyout", f"{name}.key", "-out", out or f"{name}.csr"),
        )

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)


class Slapd:
    """A slapd on the loopback with these entries. It can be frozen, killed and started again on the same ports."""

    def __init__(self, folder: Path, entries: str, tls: tuple[Path, Path, Path] | None = None) -> None:
        (folder / "db").mkdir(parents=True)
        self.port = free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.tls_port = free_port()
        self.local_url = f"ldapi://{str(folder / 'ldapi').replace('/', '%2F')}"
        self._urls = f"{self.url} {self.local_url}" + (f" ldaps://127.0.0.1:{self.tls_port}" if tls else "")
        certificates = (
            "TLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n".format(*tls) if tls else ""
        )
        self._config = folder / "slapd.conf"
        self._config.write_text(CONFIG.format(schema=SCHEMA, tls=certificates, folder=folder))
        added = subprocess.run(
            ["/usr/sbin/slapadd", "-q", "-f", str(self._config)], input=_ldif(entries), capture_output=True, check=False
        )
        assert added.returncode == 0, added.stderr.decode()
        self._process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self._process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", str(self._config), "-h", self._urls],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._accepts_connections, "slapd")

    def modify(self, changes: str) -> None:
        """Make these changes, in LDIF, as the administrator."""
        command = ["ldapmodify", "-x", "-H", self.url, "-D", "cn=root,dc=example", "-w", "root"]
        subprocess.run(command, input=changes.encode(), check=True, capture_output=True, timeout=PATIENCE)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def freeze(self) -> None:
        """Stop the process: its sockets stay open, but it does not respond."""
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        """Continue the process."""
        os.kill(self._process.pid, signal.SIGCONT)

    def _accepts_connections(self) -> bool:
        assert self._process.poll() is None, "slapd ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE):
            return True
        return False

"""A real Cyrus IMAP with its POP3 server, on ports that the system gives. It knows the users that a test names."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.backends.ldap.slapd import free_port
from tests.helper import PATIENCE, wait_until
from tests.paths import ROOT

PROGRAMS = Path("usr/lib/cyrus/bin")
UNPACKED = ROOT / "build" / "cyrus" / PROGRAMS
"""The servers, which cannot be installed beside those of Dovecot. `make test-deps` unpacks them."""

CONFIG = """\
configdirectory: {folder}/config
partition-default: {folder}/mail
defaultpartition: default
proc_path: {folder}/run/proc
mboxname_lockpath: {folder}/run/lock
allowplaintext: yes
virtdomains: userid
unixhierarchysep: yes
autocreate_quota: 0
popminpoll: 0
failedloginpause: 0
sasl_mech_list: PLAIN
sasl_auto_transition: no
sasl_auxprop_plugin: sasldb
"""

KINDS = {
    "works": "sasl_pwcheck_method: auxprop\nsasl_sasldb_path: {folder}/sasldb\n",
    "one-login": "sasl_pwcheck_method: auxprop\nsasl_sasldb_path: {folder}/sasldb\nmaxlogins_per_user: 1\n",
    "no-saslauthd": "sasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: {folder}/missing\n",
    "no-sasldb": "sasl_pwcheck_method: auxprop\nsasl_sasldb_path: {folder}/missing\n",
}
"""Each kind has two ports. It works, lets each user log in once at a time, or has lost what knows the passwords."""


class Cyrus:
    """Serves IMAP and POP3 for the kinds of KINDS. All users have the same password."""

    def __init__(self, users: Iterable[str], password: str, denied: str) -> None:
        assert (UNPACKED / "imapd").exists(), "Cyrus is missing; as root, run: make test-deps"
        self._folder = Path(tempfile.mkdtemp(prefix="cyrus-"))
        self._folder.chmod(0o755)
        for name in ("config", "mail", "run"):
            (self._folder / name).mkdir()
        for program in ("imapd", "pop3d"):  # the user cyrus may not be able to read the checkout
            shutil.copy(UNPACKED / program, self._folder)
        for user in users:
            name, _, domain = user.partition("@")
            create = ["saslpasswd2", "-p", "-c", "-f", str(self._folder / "sasldb"), "-u", domain, name]
            subprocess.run(create, input=password.encode(), check=True)
        self.ports: dict[tuple[str, str], int] = {}
        services: list[str] = []
        for kind, keys in KINDS.items():
            config = self._folder / f"{kind}.conf"
            config.write_text((CONFIG + keys).format(folder=self._folder))
            for protocol, program in (("imap", "imapd"), ("pop3", "pop3d")):
                port = self.ports[kind, protocol] = free_port()
                name = f"{protocol}{len(services)}"
                services.append(
                    f'{name} cmd="{self._folder / program} -C {config}" listen="127.0.0.1:{port}" prefork=0'
                )
        main = self._folder / "works.conf"
        listed = "\n".join(services)
        (self._folder / "cyrus.conf").write_text(f"START {{\n}}\nSERVICES {{\n{listed}\n}}\nEVENTS {{\n}}\n")
        for path in [self._folder, *self._folder.rglob("*")]:
            shutil.chown(path, "cyrus", "mail")
        subprocess.run(["/" / PROGRAMS / "cyr_deny", "-C", main, "-m", "not today", denied], check=True)
        self._process = subprocess.Popen(
            [
                "/" / PROGRAMS / "master",
                "-C",
                main,
                "-M",
                self._folder / "cyrus.conf",
                "-p",
                self._folder / "run" / "pid",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for port in self.ports.values():
            wait_until(lambda port=port: self._listens(port), "Cyrus")  # type: ignore[misc]

    def end(self) -> None:
        """End it and all its processes."""
        try:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _listens(self, port: int) -> bool:
        assert self._process.poll() is None, "Cyrus has ended; look at the mail log of the system"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

"""A real Dovecot with IMAP and POP3, with and without TLS, on ports that the system gives."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.backends.ldap.ldap_servers import TestServer
from tests.backends.ldap.slapd import Certificates, free_port
from tests.helper import PATIENCE, wait_until

USERS = """\
alice@x.example:{PLAIN}open sesame::::::
odd@x.example:{PLAIN}ä "q" \\x {5}::::::
alice:{PLAIN}of the short name::::::
"""

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
auth_mechanisms = plain
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_uid = nobody
mail_gid = nogroup
passdb {{
  driver = passwd-file
  args = {folder}/users-%d
}}
userdb {{
  driver = passwd-file
  args = {folder}/users-%d
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {ports[imap]}
  }}
  inet_listener imaps {{
    port = {ports[imaps]}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {ports[pop3]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3s]}
  }}
}}
"""


class Dovecot:
    """Serves the accounts of USERS. It cannot read the accounts of the domain broken.example."""

    def __init__(self, certificates: Certificates) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="dovecot-"))  # the path of a socket must be short
        self._folder.chmod(0o755)
        (self._folder / "mail").mkdir()
        shutil.chown(self._folder / "mail", "nobody")
        (self._folder / "users-x.example").write_text(USERS)
        (self._folder / "users-").write_text(USERS)
        (self._folder / "users-broken.example").touch(mode=0)
        self.ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
        certificate, key = certificates.issue("mail")
        config = self._folder / "dovecot.conf"
        config.write_text(CONFIG.format(folder=self._folder, certificate=certificate, key=key, ports=self.ports))
        self._process = subprocess.Popen(["dovecot", "-F", "-c", str(config)], stderr=subprocess.DEVNULL)
        for port in self.ports.values():
            wait_until(lambda port=port: self._accepts_connections(port), "Dovecot")  # type: ignore[misc]

    def url(self, scheme: str) -> str:
        """Return the URL of one of its ports."""
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}"

    def log(self) -> str:
        """Return its log."""
        return (self._folder / "log").read_text()

    def end(self) -> None:
        """End it and all its processes."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _accepts_connections(self, port: int) -> bool:
        assert self._process.poll() is None, self.log()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            return bool(connection.recv(1)) if port in (self.ports["imap"], self.ports["pop3"]) else True
        return False


class WithoutPlain(TestServer):
    """Forwards to a server, and hides from the client that it has the SASL mechanism PLAIN."""

    def __init__(self, port: int, *, is_hiding: bool = True) -> None:
        self._to = port
        self._hidden = (b"AUTH=PLAIN", b"SASL PLAIN") if is_hiding else ()
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            threading.Thread(target=self._back, args=(server, connection), daemon=True).start()
            while data := connection.recv(65536):
                self.received += data
                server.sendall(data)

    def _back(self, server: socket.socket, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                for name in self._hidden:
                    data = data.replace(name, name.replace(b"PLAIN", b"OTHER"))
                connection.sendall(data)


class Answers(TestServer):
    """Answers each command of a client from a table: its first words in capitals, and the answer.

    The line after an answer that begins with `+` and a blank is the command DATA. In an answer, TAG stands for the tag
    of the last command. After an answer of nothing the server is silent; None closes the connection.
    """

    def __init__(self, greeting: bytes, answers: dict[bytes, bytes | None]) -> None:
        self._greeting = greeting
        self._answers = answers
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        connection.sendall(self._greeting)
        tag, answer = b"", b""
        for line in connection.makefile("rb"):
            self.received += line
            words = line.upper().split()
            if answer.startswith(b"+ "):
                command = b"DATA"
            elif words and line[:1] == b"x":
                tag, command = line.split()[0], words[1]
            else:
                command = words[0] if words else b""
            found = self._answers.get(command, b"")
            if found is None:
                return
            answer = found
            connection.sendall(answer.replace(b"TAG", tag))

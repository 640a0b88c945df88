"""Bad PWD servers: one hides the challenge and loses replies of the harness; one plays a script; one waits."""

from __future__ import annotations

import contextlib
import re
import socket
import threading

from tests.backends.ldap.ldap_servers import TestServer
from tests.helper import PATIENCE


class Middle(TestServer):
    """Forwards to a port. `hides_challenge`: no APOP. `loses`: the command after which it closes the connection."""

    def __init__(self, port: int, *, hides_challenge: bool = False) -> None:
        self._to = port
        self._hides_challenge = hides_challenge
        self.loses = b""
        self._is_losing = False
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            threading.Thread(target=self._back, args=(server, connection), daemon=True).start()
            while data := connection.recv(65536):
                self.received += data
                if self.loses and data.startswith(self.loses):
                    self.loses, self._is_losing = b"", True
                server.sendall(data)

    def commands(self) -> list[bytes]:
        """Return the first word of each line that the client has sent in the clear."""
        return re.findall(rb"(?m)^([A-Z]+)\b", self.received)

    def _back(self, server: socket.socket, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._is_losing:  # the command has been carried out
                    self._is_losing = False
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                if self._hides_challenge:
                    data = re.sub(rb" <.*>", b"", data)
                connection.sendall(data)


class Scripted(TestServer):
    """Sends the first line as a greeting, and one more for each line of the client. Then it closes the connection."""

    def __init__(self, replies: list[bytes]) -> None:
        self._replies = replies
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            for reply in self._replies:
                connection.sendall(reply + b"\r\n")
                self.received += lines.readline()


class Waits(TestServer):
    """Replies to a command only when `may_reply` is set, and to SETACCOUNTALIASES with much data."""

    def __init__(self, command: bytes) -> None:
        self._command = command
        self.may_reply = threading.Event()
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        connection.sendall(b"200 ready <1@x>\r\n")
        for line in connection.makefile("rb"):
            self.received += line
            if line.startswith(self._command):
                self.may_reply.wait(PATIENCE)
            many = b"201 (" + b"a," * 40_000 + b"a)\r\n"
            connection.sendall(many if line.startswith(b"SETACCOUNTALIASES") else b"200 OK\r\n")

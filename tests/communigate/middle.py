"""Bad PWD servers: one hides the challenge and loses replies of the harness; one plays a script."""

from __future__ import annotations

import contextlib
import re
import socket
import threading

from tests.backends.ldap.ldap_servers import TestServer


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

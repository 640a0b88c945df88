"""LdapServers that are not sound: one that passes on little at a time or nothing, and one that says what it is told to."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator


class TestServer:
    """Takes connections on the loopback, and serves each in a thread, until it is closed."""

    __test__ = False

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.ending = threading.Event()
        self.connections: list[socket.socket] = []
        self.received = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it and every connection."""
        self.ending.set()
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """End every connection that is open, but none that comes meanwhile."""
        for connection in self.connections.copy():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def say(self, data: bytes) -> None:
        """Send this on every connection that is open."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.sendall(data)

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection to its end: here, read and never answer."""
        while data := connection.recv(65536):
            self.received += data

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self.serve(connection)


@contextlib.contextmanager
def does_not_take_connections(address: str, port: int) -> Iterator[None]:
    """What connects there hears nothing: as many as the system keeps waiting do so already."""
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((address, port))
        yield


class Proxy(TestServer):
    """Passes on what comes, and answers one byte every `pause` seconds where that is not 0."""

    def __init__(self, port: int, pause: float = 0) -> None:
        self._to = port
        self._pause = pause
        self.sent = 0
        self.due = 0
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._to)) as server, selectors.DefaultSelector() as selector:
            for each in (connection, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, connection)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is connection or not self._pause:
                        key.data.sendall(data)
                        continue
                    self.due += len(data)
                    for byte in data:
                        key.data.sendall(bytes([byte]))
                        self.sent += 1
                        if self.ending.wait(self._pause):
                            return


Reply = Callable[[int, bytes], list[bytes]]
"""An operation's tag and its message to the operations that answer it, or whole messages, sent as they are."""


class Responder(TestServer):
    """Answers each request with what a function says."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while (header := stream.read(2))[:1] == b"0":  # anything else is no LDAP: silence
            size = header[1] if header[1] < 128 else int.from_bytes(stream.read(header[1] - 128), "big")
            message = stream.read(size)
            self.received += message
            number = message[: 2 + message[1]]
            operation = message[2 + message[1] :]
            answers = self._reply(operation[0], operation)
            whole = [answer if answer[0] == MESSAGE else element(MESSAGE, number + answer) for answer in answers]
            connection.sendall(b"".join(whole))
        super().serve(connection)


def element(tag: int, content: bytes) -> bytes:
    """A BER element."""
    size = len(content)
    return bytes([tag, size]) + content if size < 128 else bytes([tag, 0x82, size >> 8, size & 255]) + content


def result(tag: int, code: int, message: str = "", more: bytes = b"") -> bytes:
    """An LDAPResult: 0x61 answers a bind, 0x65 ends a search."""
    fields = element(0x0A, bytes([code])) + element(0x04, b"") + element(0x04, message.encode()) + more
    return element(tag, fields)


def notice(code: int) -> bytes:
    """A Notice of Disconnection (RFC 4511, section 4.4.1), a whole message."""
    fields = element(0x0A, bytes([code])) + element(0x04, b"") + element(0x04, b"bye")
    return element(MESSAGE, b"\x02\x01\x00" + element(0x78, fields + element(0x8A, b"1.3.6.1.4.1.1466.20036")))


def found(dn: str | bytes) -> bytes:
    """An entry without attributes that a search finds."""
    return element(0x64, element(0x04, dn.encode() if isinstance(dn, str) else dn) + element(0x30, b""))


MESSAGE = 0x30
BIND, BIND_ANSWER, SEARCH, SEARCH_DONE = 0x60, 0x61, 0x63, 0x65

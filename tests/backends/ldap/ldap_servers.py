"""Fake LDAP servers: silent ones, slow ones, and ones that send the responses that a test wants."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator


class TestServer:
    """Accepts connections on the loopback, and serves each in a thread, until it is closed."""

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
        """Close it and all connections."""
        self.ending.set()
        self._listening.close()
        self.cut()

    def stop_accepting(self) -> None:
        """Accept no further connection."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def cut(self) -> None:
        """Close all open connections, but none that is opened meanwhile."""
        for connection in self.connections.copy():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def say(self, data: bytes) -> None:
        """Send this on all open connections."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.sendall(data)

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection until it ends. This server reads and never responds."""
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
def never_accepts(address: str, port: int) -> Iterator[None]:
    """Listen without accepting. The queue of the system is full, so that clients wait."""
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((address, port))
        yield


class Proxy(TestServer):
    """Forwards all data. With `pause`, it sends the responses at one byte every `pause` seconds."""

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


Respond = Callable[[int, bytes], list[bytes]]
"""Takes the tag and the bytes of an operation. Returns operations to send in response, or whole messages."""


class Responder(TestServer):
    """Sends the responses that a function returns for each request."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while (header := stream.read(2))[:1] == b"0":  # anything else is not LDAP, and gets no response
            size = header[1] if header[1] < 128 else int.from_bytes(stream.read(header[1] - 128), "big")
            message = stream.read(size)
            self.received += message
            number = message[: 2 + message[1]]
            operation = message[2 + message[1] :]
            responses = self._respond(operation[0], operation)
            whole = [each if each[0] == MESSAGE else element(MESSAGE, number + each) for each in responses]
            connection.sendall(b"".join(whole))
        super().serve(connection)


class TlsResponder(Responder):
    """Does the same after a TLS handshake."""

    def __init__(self, respond: Respond, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(respond)
        self.url = f"ldaps://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secure:
            super().serve(secure)


def element(tag: int, content: bytes) -> bytes:
    """Return a BER element."""
    size = len(content)
    return bytes([tag, size]) + content if size < 128 else bytes([tag, 0x82, size >> 8, size & 255]) + content


def result(tag: int, code: int, message: str = "", more: bytes = b"") -> bytes:
    """Return an LDAPResult. Tag 0x61 is the response to a bind, 0x65 the end of a search."""
    fields = element(0x0A, bytes([code])) + element(0x04, b"") + element(0x04, message.encode()) + more
    return element(tag, fields)


def notice(code: int) -> bytes:
    """Return a Notice of Disconnection (RFC 4511, section 4.4.1), a whole message."""
    fields = element(0x0A, bytes([code])) + element(0x04, b"") + element(0x04, b"bye")
    return element(MESSAGE, b"\x02\x01\x00" + element(0x78, fields + element(0x8A, b"1.3.6.1.4.1.1466.20036")))


def found(dn: str | bytes) -> bytes:
    """Return an entry without attributes, as a search finds it."""
    return element(0x64, element(0x04, dn.encode() if isinstance(dn, str) else dn) + element(0x30, b""))


MESSAGE = 0x30
BIND, BIND_RESPONSE, SEARCH, SEARCH_DONE = 0x60, 0x61, 0x63, 0x65

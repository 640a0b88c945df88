"""Sockets to LDAP servers, with or without TLS. No call on them takes longer than the deadline."""

from __future__ import annotations

import socket
import ssl

from extauth.backends.ldap.engine import KEEPALIVE_IDLE, Deadline
from extauth.backends.ldap.servers import LdapServer


class BoundedSocket:
    """A socket whose calls all end by `deadline`, even if the server sends one byte at a time.

    The timeout of a plain socket starts again with every call.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.deadline = deadline
        self.timed_out = False
        self._socket = sock

    def recv(self, size: int) -> bytes:
        """Return received data, at most `size` bytes. It is empty at the end of the connection."""
        try:
            self._socket.settimeout(self.deadline.left())
            return self._socket.recv(size)
        except TimeoutError:
            self.timed_out = True
            raise

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._socket.settimeout(self.deadline.left())
            self._socket.sendall(data)
        except TimeoutError:
            self.timed_out = True
            raise

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS. The server's certificate must be for `host`. Raises OSError."""
        self._socket.settimeout(self.deadline.left())
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def shutdown(self, how: int) -> None:
        """Shut down these directions."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def connect(server: LdapServer, deadline: Deadline) -> BoundedSocket:
    """Connect to the first of the server's addresses that accepts. Raises OSError."""
    if server.path:
        return BoundedSocket(_connect_to(socket.AF_UNIX, server.path, deadline.left()), deadline)
    failure: OSError = OSError("has no address")
    addresses = resolve(server)
    for untried, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = _connect_to(family, address, deadline.left() / untried)
        except OSError as error:
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        return BoundedSocket(sock, deadline)
    raise failure


def resolve(server: LdapServer) -> list[tuple[int, object]]:
    """Return the families and addresses of a server's name. No deadline limits this call. Raises OSError."""
    found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def socket_error_reason(error: OSError) -> str:
    """Return the reason of a socket error, for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no response in time"
    return error.strerror or type(error).__name__


def _connect_to(family: int, address: object, seconds: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(address)  # type: ignore[arg-type]  # getaddrinfo returns the right type for this family
    except OSError:
        sock.close()
        raise
    return sock

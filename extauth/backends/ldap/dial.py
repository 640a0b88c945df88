"""Sockets to a server, with TLS where it is asked for, none of whose calls outlasts a deadline."""

from __future__ import annotations

import socket
import ssl

from extauth.backends.ldap.engine import Deadline
from extauth.backends.ldap.servers import Server

_IDLE = 60  # seconds of silence after which the system looks whether the other side is still there


class BoundedSocket:
    """A socket whose every call ends by `deadline`, however little at a time the other side sends.

    A socket's own timeout is per call, and starts anew with every byte that comes.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.deadline = deadline
        self.timed_out = False
        self._socket = sock

    def recv(self, size: int) -> bytes:
        """What has come, at most `size` bytes; none at the end."""
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
        """Go on under TLS, with a server whose certificate is for `host`. Raises OSError."""
        self._socket.settimeout(self.deadline.left())
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def shutdown(self, how: int) -> None:
        """End it in these directions."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def dial(server: Server, deadline: Deadline) -> BoundedSocket:
    """A connection to `server`, on the first of its addresses that takes one. Raises OSError."""
    if server.path:
        return BoundedSocket(_connected(socket.AF_UNIX, server.path, deadline.left()), deadline)
    failure: OSError = OSError("has no address")
    addresses = addresses_of(server)
    for untried, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = _connected(family, address, deadline.left() / untried)
        except OSError as error:
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE)
        return BoundedSocket(sock, deadline)
    raise failure


def addresses_of(server: Server) -> list[tuple[int, object]]:
    """The families and addresses of a server's name. Raises OSError; looking them up is in no time bound."""
    found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def reason_of(error: OSError) -> str:
    """Why a socket failed, for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or type(error).__name__


def _connected(family: int, address: object, seconds: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(address)  # type: ignore[arg-type]  # what getaddrinfo gives for this family
    except OSError:
        sock.close()
        raise
    return sock

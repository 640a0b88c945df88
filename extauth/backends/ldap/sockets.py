"""The sockets of connections to a server: how soon the system notices a dead one, and what it has not delivered."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios

_KEEPALIVE_IDLE = 60  # seconds without traffic after which the system probes a connection
_ACKNOWLEDGE = 2  # seconds in which the other side must acknowledge data; else the connection has broken


def set_options(sock: socket.socket) -> None:
    """Send small messages at once, and let the system end a connection whose other side does not acknowledge data."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ACKNOWLEDGE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _ACKNOWLEDGE * 1000)


def has_unacknowledged_data(sock: socket.socket) -> bool:
    """Return whether the system still has data to send, or data that the other side never acknowledged."""
    try:
        queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except (OSError, ValueError):
        return False
    return int.from_bytes(queued, sys.byteorder) > 0

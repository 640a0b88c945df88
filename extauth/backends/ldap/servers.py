"""The servers of the list: how each is reached, and which of them was down lately."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote, urlsplit

import msgspec

from extauth.errors import ConfigError

_REMEMBERED = 30.0  # seconds that a server which did not answer is asked last
_PORTS = {"ldap": 389, "ldaps": 636}
_LOCAL_SOCKET = "/var/run/slapd/ldapi"


class Server(msgspec.Struct, frozen=True):
    """One server. `path` is that of its local socket, for ldapi; `url` is what it is called in the log."""

    url: str
    host: str = ""
    port: int = 0
    tls: bool = False
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether what is sent there never leaves this machine."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parsed_server(text: str) -> Server:
    """A server by its URL; raises ConfigError."""
    right = "must be ldap://host, ldap://host:port, ldaps://host or ldapi://%2Fpath%2Fof%2Fsocket"
    wrong = ConfigError(f"servers: {text!r}: {right}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or "@" in text:
        raise ConfigError(f"servers: (not shown, since it may hold a password): {right}; whom to bind as says bind_dn")
    if parts.query or parts.fragment or parts.path not in ("", "/"):
        raise wrong
    if parts.scheme == "ldapi":
        path = unquote(parts.netloc) or _LOCAL_SOCKET
        return Server(f"ldapi://{quote(path, safe='')}", path=path)
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = port or _PORTS[parts.scheme]
    return Server(f"{parts.scheme}://{host}:{port}", parts.hostname, port, parts.scheme == "ldaps")


class Servers:
    """The list, with a memory of who was down that changes nothing but the order in which they are tried."""

    def __init__(self, servers: tuple[Server, ...]) -> None:
        self._servers = servers
        self._down_until: dict[Server, float] = {}
        self._lock = threading.Lock()

    def in_order(self) -> Iterable[Server]:
        """All of them: in the order of the list, those that were down lately last."""
        return self._with_those_that_wait_last() if self._down_until else self._servers

    def _with_those_that_wait_last(self) -> Iterator[Server]:
        last = []
        for server in self._servers:
            if self._waits(server):
                last.append(server)
            else:
                yield server
        yield from last

    def was_down(self, server: Server) -> bool:
        """Ask this one last for a while. Whether that is news."""
        with self._lock:
            is_news = server not in self._down_until
            self._down_until[server] = time.monotonic() + _REMEMBERED
            return is_news

    def answered(self, server: Server) -> bool:
        """This one is there. Whether that is news."""
        if not self._down_until:
            return False
        with self._lock:
            return self._down_until.pop(server, None) is not None

    def _waits(self, server: Server) -> bool:
        with self._lock:
            until = self._down_until.get(server)
            now = time.monotonic()
            if until is None or now < until:
                return until is not None
            self._down_until[server] = now + _REMEMBERED  # who comes first tries it again; for the others it waits
            return False

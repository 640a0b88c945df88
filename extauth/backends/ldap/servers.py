"""The server list: the URLs, which servers were unavailable recently, and why a server cannot be asked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from enum import Enum
from urllib.parse import quote, unquote, urlsplit

from extauth.backends.network import ServerAddress, parse_server_url
from extauth.errors import ConfigError

_TRIED_LAST = 30.0  # seconds for which an unavailable server is tried last
_PORTS = {"ldap": 389, "ldaps": 636}
_LOCAL_SOCKET = "/var/run/slapd/ldapi"


class Repeat(Enum):
    """Whether a request may be sent again to a server that could not be asked, over another connection."""

    NEVER = "never"
    AT_ONCE = "at once"
    LAST = "after the other servers"


class ServerUnavailable(Exception):
    """A server cannot be asked. extauth asks the next one."""

    repeat = Repeat.NEVER


class ConnectionBroke(ServerUnavailable):
    """The connection ended before the response. `received`: the server may have received the request."""

    received = True


class NoResponse(ServerUnavailable):
    """The server did not respond in time."""

    def __init__(self, reason: str = "no response in time") -> None:
        super().__init__(reason)


def parse_server(text: str) -> ServerAddress:
    """Return the server of a URL. Raises ConfigError."""
    expected = "must be ldap://host, ldap://host:port, ldaps://host or ldapi://%2Fpath%2Fof%2Fsocket"
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme == "ldapi" and "@" not in text and not parts.port:
            if parts.query or parts.fragment or parts.path not in ("", "/"):
                raise ConfigError(f"servers: {text!r}: {expected}")
            path = unquote(parts.netloc) or _LOCAL_SOCKET
            return ServerAddress(f"ldapi://{quote(path, safe='')}", path=path)
    return parse_server_url(text, "servers", _PORTS, expected, "put the user name into bind_dn")


class LdapServers:
    """The server list. Servers that were unavailable recently are tried last."""

    def __init__(self, servers: tuple[ServerAddress, ...]) -> None:
        self._servers = servers
        self._unavailable_until: dict[ServerAddress, float] = {}

    def in_order(self) -> Iterable[ServerAddress]:
        """Return all servers in the order of the list, with those that were unavailable recently at the end."""
        return self._with_unavailable_last() if self._unavailable_until else self._servers

    def has_available(self) -> bool:
        """Return whether a server was not unavailable recently."""
        return len(self._unavailable_until) < len(self._servers)

    def mark_unavailable(self, server: ServerAddress) -> bool:
        """Try this server last for a while. Return whether it was available before."""
        is_new = server not in self._unavailable_until
        self._unavailable_until[server] = time.monotonic() + _TRIED_LAST
        return is_new

    def mark_available(self, server: ServerAddress) -> bool:
        """Try this server in its turn again. Return whether it was unavailable before."""
        return self._unavailable_until.pop(server, None) is not None

    def _with_unavailable_last(self) -> Iterator[ServerAddress]:
        last = []
        for server in self._servers:
            if self._is_tried_last(server):
                last.append(server)
            else:
                yield server
        yield from last

    def _is_tried_last(self, server: ServerAddress) -> bool:
        until = self._unavailable_until.get(server)
        now = time.monotonic()
        if until is None or now < until:
            return until is not None
        self._unavailable_until[server] = now + _TRIED_LAST  # this request tries it again, the others wait
        return False

"""The keys of an `imap` or a `pop3` backend, and the name that is sent for an account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from extauth.backends.network import Seconds, ServerAddress, parse_server_url
from extauth.backends.tls import TlsVersion
from extauth.errors import ConfigError
from extauth.model import Account
from extauth.settings import Settings

_PLACEHOLDER = re.compile(r"(\{[^{}]*\}|[{}])")
_KNOWN = ("{name}", "{domain}", "{account}")


class ServerSettings(Settings, frozen=True):
    """The keys of both backends. Times are in seconds. `connections` counts for all workers together.

    `accounts_elsewhere`: another backend of the domain has a list of all accounts.
    """

    server: str
    starttls: bool = False
    ca_file: Path | None = None
    verify_certificate: bool = True
    tls_ciphers: str | None = None
    tls_minimum_version: TlsVersion | None = None

    username: str = "{account}"
    connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = 32
    accounts_elsewhere: bool = False

    connect_timeout: Seconds | None = None
    overall_timeout: Seconds | None = None


class ImapSettings(ServerSettings, frozen=True):
    """The keys of an `imap` backend."""


class Pop3Settings(ServerSettings, frozen=True):
    """The keys of a `pop3` backend."""


class UserName:
    """Makes the name that is sent for an account. Raises ConfigError if all accounts would have the same one."""

    def __init__(self, template: str) -> None:
        self._parts = _PLACEHOLDER.split(template)  # literal text at even positions
        for found in self._parts[1::2]:
            if found not in _KNOWN:
                raise ConfigError(f"username = {template!r}: {found} is unknown; known are {', '.join(_KNOWN)}")
        if not {"{name}", "{account}"}.intersection(self._parts[1::2]):
            raise ConfigError(
                f"username = {template!r}: must contain {{name}} or {{account}}, else all accounts have the same name"
            )
        if not template.isprintable():
            raise ConfigError(f"username = {template!r}: must contain printable characters only")
        self.tells_domains_apart = not {"{domain}", "{account}"}.isdisjoint(self._parts[1::2])

    def of(self, account: Account) -> bytes:
        """Return the name of an account at the server."""
        values = {"{name}": account.name, "{domain}": account.domain, "{account}": account.address}
        parts = self._parts.copy()
        parts[1::2] = [values[placeholder] for placeholder in parts[1::2]]
        return "".join(parts).encode()


def parse_server(settings: ServerSettings, ports: Mapping[str, int]) -> ServerAddress:
    """Return the server. `ports`: the schemes of its URL, the one with TLS last. Raises ConfigError.

    No password leaves this machine without TLS.
    """
    plain, secure = ports
    expected = f"must be {secure}://host, {secure}://host:port or {plain}://host"
    server = parse_server_url(settings.server, "server", ports, expected, "put the user name into username")
    if settings.starttls and server.tls:
        raise ConfigError(f"starttls: is used only with {plain}://; {secure}:// begins with TLS")
    if not (server.tls or settings.starttls or server.is_local):
        raise ConfigError(
            f"server: {server.url!r} would receive passwords in the clear; use {secure}:// or starttls = true"
        )
    return server

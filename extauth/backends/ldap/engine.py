"""The interface of both engines. An engine is a library that speaks LDAP, and the code that extauth needs for it."""

from __future__ import annotations

import time
from typing import Literal, Protocol

import msgspec

from extauth.backends.ldap.servers import LdapServer
from extauth.backends.steps import Steps

Scope = Literal["subtree", "one", "base"]

POLICY_CONTROL = "1.3.6.1.4.1.42.2.27.8.5.1"
"""The password policy control (draft-behera-ldap-password-policy, section 6)."""

MOST_ENTRIES = 2
"""The size limit of a search. An account has one entry, so that two are enough to see an ambiguous filter."""

INVALID_RESPONSE = "invalid LDAP response"
"""How the reason begins if a server sends a message that the protocol does not allow there."""

KEEPALIVE_IDLE = 60
"""Seconds without traffic after which the system probes a TCP connection."""


class ServerUnavailable(Exception):
    """A server cannot be asked. extauth asks the next one. `lost`: the server had closed an open connection."""

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.lost = lost


class Deadline:
    """A moment (monotonic clock) at which extauth stops waiting."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def within(self, seconds: float) -> Deadline:
        """Return this deadline, or one that many seconds from now if that is earlier."""
        that = Deadline(seconds)
        return that if that.at < self.at else self

    def left(self) -> float:
        """Return the seconds left, always more than 0. Raises TimeoutError if none are left."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no response in time")
        return seconds


class LdapEntry(msgspec.Struct, frozen=True):
    """An entry that a search found. Attribute names are in lower case. `dn` is empty if the name is not UTF-8."""

    dn: str
    attributes: dict[str, list[bytes]]

    def __repr__(self) -> str:  # the values may be passwords
        return f"LdapEntry({self.dn!r})"


class LdapResult(msgspec.Struct, frozen=True):
    """The response to a request.

    `code` is the result code (RFC 4511, section 4.1.9), `message` the server's text, `policy` the value of the
    password policy control, `entries` the entries found.
    """

    code: int
    message: str = ""
    policy: bytes | None = None
    entries: tuple[LdapEntry, ...] = ()


class LdapConnection(Protocol):
    """One connection to one server, for one request at a time. All methods but `close` raise ServerUnavailable."""

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Steps[LdapResult]:
        """Bind as `dn`, or anonymously if both are empty."""

    def send_anonymous_bind(self, deadline: Deadline) -> None:
        """Send an anonymous bind, so that no user stays bound. Do not wait for the response."""

    def is_anonymous(self, deadline: Deadline) -> Steps[bool]:
        """Return whether the last `send_anonymous_bind` succeeded. Its response has usually arrived by now."""

    def search(
        self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline
    ) -> Steps[LdapResult]:
        """Search for at most MOST_ENTRIES entries. Raises TemporaryFailure if the library cannot read the filter."""

    def close(self) -> None:
        """Close it, in any state."""


class LdapEngine(Protocol):
    """Connects to servers through one of the libraries."""

    def connect(self, server: LdapServer, deadline: Deadline) -> LdapConnection:
        """Connect, anonymously, and begin TLS if configured. Raises ServerUnavailable."""

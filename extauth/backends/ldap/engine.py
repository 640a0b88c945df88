"""What a library for LDAP has to do for us, and what it says then, whichever it is."""

from __future__ import annotations

import time
from typing import Literal, Protocol

import msgspec

from extauth.backends.ldap.servers import Server
from extauth.backends.steps import Steps

Scope = Literal["subtree", "one", "base"]

POLICY_CONTROL = "1.3.6.1.4.1.42.2.27.8.5.1"
"""The password policy control (draft-behera-ldap-password-policy, section 6)."""

MOST_ENTRIES = 2
"""How many entries a search asks for: one more than there may be."""


NO_LDAP = "an answer that is no LDAP"
"""Why a server cannot be asked that says what the protocol does not have at this place."""


class ServerUnavailable(Exception):
    """A server cannot be asked; the next one may. `lost`: it had closed a connection that was open."""

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.lost = lost


class Deadline:
    """A moment, of the monotonic clock, at which something is given up."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def within(self, seconds: float) -> Deadline:
        """The earlier one of this and that many seconds from now."""
        that = Deadline(seconds)
        return that if that.at < self.at else self

    def left(self) -> float:
        """Seconds, more than none. Raises TimeoutError where there are none."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no answer in time")
        return seconds


class Entry(msgspec.Struct, frozen=True):
    """What a search found; the names of attributes in lower case. No distinguished name is an empty one."""

    dn: str
    attributes: dict[str, list[bytes]]

    def __repr__(self) -> str:  # the values may be passwords
        return f"Entry({self.dn!r})"


class Answer(msgspec.Struct, frozen=True):
    """A result code (RFC 4511, section 4.1.9) with the server's text, the policy's control and the entries, if any."""

    code: int
    message: str = ""
    policy: bytes | None = None
    entries: tuple[Entry, ...] = ()


class Connection(Protocol):
    """One connection to one server, for one request at a time. Every method but `close` raises ServerUnavailable."""

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Steps[Answer]:
        """Become `dn`, or nobody where both are empty."""

    def leave(self, deadline: Deadline) -> None:
        """Ask to be nobody again; the answer is not waited for."""

    def has_left(self, deadline: Deadline) -> Steps[bool]:
        """Whether it is nobody again, where that was asked; the answer will have come by now."""

    def search(
        self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline
    ) -> Steps[Answer]:
        """Look for entries; no more than MOST_ENTRIES are asked for. TemporaryFailure where the filter is none."""

    def close(self) -> None:
        """Have it closed, whatever state it is in."""


class Engine(Protocol):
    """One of the libraries."""

    def connect(self, server: Server, deadline: Deadline) -> Connection:
        """A connection as nobody, under TLS where that is configured. Raises ServerUnavailable."""

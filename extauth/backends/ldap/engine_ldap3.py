"""ldap3 as an engine: pure Python, with sockets of our own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError
from ldap3.protocol.rfc4511 import AuthenticationChoice, BindRequest, Simple, Version
from pyasn1.error import PyAsn1Error

from extauth.backends.ldap.dial import BoundedSocket, dial, reason_of
from extauth.backends.ldap.engine import (
    MOST_ENTRIES,
    NO_LDAP,
    POLICY_CONTROL,
    Answer,
    Connection,
    Deadline,
    Entry,
    Scope,
    ServerUnavailable,
)
from extauth.backends.ldap.outcome import SUCCESS
from extauth.backends.ldap.servers import Server
from extauth.errors import CannotTell

_SCOPES: dict[Scope, Literal["SUBTREE", "LEVEL", "BASE"]] = {"subtree": "SUBTREE", "one": "LEVEL", "base": "BASE"}
_START_TLS = "1.3.6.1.4.1.1466.20037"
_VERSION = 3
_GARBLED = (PyAsn1Error, ValueError, LookupError, TypeError, AttributeError)  # what ldap3 raises for no sound message


class Ldap3Engine:
    """Connections through ldap3. `context` is that of TLS; `starttls` begins it on connections that begin without."""

    def __init__(self, context: ssl.SSLContext, *, starttls: bool) -> None:
        self._context = context
        self._starttls = starttls

    def connect(self, server: Server, deadline: Deadline) -> Connection:
        """A connection as nobody, under TLS where that is configured. Raises ServerUnavailable."""
        try:
            sock = dial(server, deadline)
        except OSError as error:
            raise ServerUnavailable(reason_of(error)) from None
        connection = Ldap3Connection(sock)
        try:
            if self._starttls and not server.tls and not server.path:
                connection.ask_for_tls(deadline)
                sock.start_tls(self._context, server.host)
            elif server.tls:
                sock.start_tls(self._context, server.host)
        except OSError as error:
            connection.close()
            raise ServerUnavailable(f"TLS: {reason_of(error)}") from None
        except ServerUnavailable:
            connection.close()
            raise
        return connection


class Ldap3Connection:
    """One connection of ldap3's, on a socket that keeps our deadlines."""

    def __init__(self, sock: BoundedSocket) -> None:
        self._socket = sock
        self._ldap = ldap3.Connection(
            ldap3.Server("localhost", get_info=ldap3.NONE),  # never dialled: the socket is there already
            client_strategy=ldap3.SAFE_SYNC,
            auto_referrals=False,
            check_names=False,
        )
        self._strategy = self._ldap.strategy
        self._ldap.socket, self._ldap.closed = sock, False
        self._leaving: int | None = None
        self._strategy._outstanding = {}
        self._strategy._start_listen()

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Answer:
        """Become `dn`, or nobody where both are empty."""
        with self._asking(deadline):
            message = self._strategy.send("bindRequest", _bind_request(dn, password), [(POLICY_CONTROL, False, None)])
            return self._answer_to_bind(message)

    def leave(self, deadline: Deadline) -> None:
        """Ask to be nobody again; the answer is not waited for."""
        with self._asking(deadline):
            self._leaving = self._strategy.send("bindRequest", _bind_request("", b""))

    def has_left(self, deadline: Deadline) -> bool:
        """Whether it is nobody again, where that was asked; the answer will have come by now."""
        message, self._leaving = self._leaving, None
        if message is None:
            return True
        with self._asking(deadline):
            return self._answer_to_bind(message).code == SUCCESS

    def search(self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline) -> Answer:
        """Look for entries; no more than MOST_ENTRIES are asked for."""
        with self._asking(deadline):
            _, result, responses, _ = self._ldap.search(
                base,
                filter,
                _SCOPES[scope],
                ldap3.DEREF_NEVER,
                list(attributes) or [ldap3.NO_ATTRIBUTES],
                size_limit=MOST_ENTRIES,
            )
            _check_kind(result, "searchResDone")
            entries = tuple(_entry(each) for each in responses or () if each["type"] == "searchResEntry")
            return Answer(result["result"], result["message"], entries=entries)

    def ask_for_tls(self, deadline: Deadline) -> None:
        """Have the server agree that what follows is TLS. Raises ServerUnavailable where it does not."""
        with self._asking(deadline):
            _, result, _, _ = self._ldap.extended(_START_TLS)
            _check_kind(result, "extendedResp")
        if result["result"] != 0:
            raise ServerUnavailable(f"StartTLS refused: {result['description']}")

    def close(self) -> None:
        """Have it closed, whatever state it is in."""
        self._socket.close()

    def _answer_to_bind(self, message: int) -> Answer:
        (result,) = self._strategy.post_send_single_response(message)
        self._ldap.request = None  # it holds the password
        _check_kind(result, "bindResponse")
        policy = result.get("controls", {}).get(POLICY_CONTROL, {}).get("value")
        return Answer(result["result"], result["message"], policy)

    @contextmanager
    def _asking(self, deadline: Deadline) -> Iterator[None]:
        self._socket.deadline = deadline
        try:
            yield
        except LDAPInvalidFilterError as error:
            raise CannotTell(f"ldap3 cannot read the filter: {error}") from None
        except (LDAPException, OSError) as error:
            if self._socket.timed_out:
                raise ServerUnavailable("no answer in time") from None
            raise ServerUnavailable(f"the connection broke: {type(error).__name__}", lost=True) from None
        except _GARBLED as error:
            raise ServerUnavailable(f"{NO_LDAP}: {type(error).__name__}") from None


def _check_kind(result: dict[str, Any], kind: str) -> None:
    """Raise ServerUnavailable where what ends an operation is not of the kind that does: its code means nothing."""
    if result["type"] != kind:
        raise ServerUnavailable(f"{NO_LDAP}: {result['type']} in the place of {kind}")


def _bind_request(dn: str, password: bytes) -> BindRequest:
    """A simple bind. ldap3's own would fail where the password is not UTF-8: it keeps a copy of it as text."""
    request = BindRequest()
    request["version"] = Version(_VERSION)
    request["name"] = dn
    request["authentication"] = AuthenticationChoice().setComponentByName(
        "simple", Simple(password, encoding="latin-1")
    )
    return request


def _entry(response: dict[str, Any]) -> Entry:
    try:
        dn = bytes(response["raw_dn"]).decode()
    except UnicodeDecodeError:
        dn = ""
    return Entry(dn, {name.lower(): list(values) for name, values in response["raw_attributes"].items()})

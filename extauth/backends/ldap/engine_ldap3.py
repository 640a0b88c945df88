"""ldap3 as an engine: pure Python, with sockets of our own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError
from ldap3.operation.search import compile_filter, parse_filter
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]  # its types do not say that it is there
from pyasn1.error import PyAsn1Error

from extauth.backends.ldap.dial import BoundedSocket, dial, reason_of
from extauth.backends.ldap.engine import (
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
from extauth.backends.ldap.requests import bind_request, search_request
from extauth.backends.ldap.servers import Server
from extauth.backends.steps import Steps
from extauth.errors import TemporaryFailure

_START_TLS = "1.3.6.1.4.1.1466.20037"
_REQUEST = {"dereferenceAlias": ldap3.DEREF_NEVER}  # what ldap3 has to know of one, to ask for what a range leaves out
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
    """One connection of ldap3's, on a socket that keeps our deadlines. It waits by itself, in one step."""

    def __init__(self, sock: BoundedSocket) -> None:
        self._socket = sock
        self._ldap = ldap3.Connection(
            ldap3.Server("localhost", get_info=ldap3.NONE),  # never dialled: the socket is there already
            client_strategy=ldap3.SAFE_SYNC,
            auto_referrals=False,
            check_names=False,
            return_empty_attributes=False,
        )
        self._strategy = self._ldap.strategy
        self._ldap.socket, self._ldap.closed = sock, False
        self._leaving: int | None = None
        self._strategy._outstanding = {}
        self._strategy._start_listen()

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Steps[Answer]:
        """Become `dn`, or nobody where both are empty."""
        yield from ()
        with self._asking(deadline):
            number = self._next_number()
            self._socket.sendall(bind_request(number, dn, password))
            return self._answer_to_bind(number)

    def leave(self, deadline: Deadline) -> None:
        """Ask to be nobody again; the answer is not waited for."""
        with self._asking(deadline):
            number = self._next_number()
            self._socket.sendall(bind_request(number, "", b""))
            self._leaving = number

    def has_left(self, deadline: Deadline) -> Steps[bool]:
        """Whether it is nobody again, where that was asked; the answer will have come by now."""
        yield from ()
        number, self._leaving = self._leaving, None
        if number is None:
            return True
        with self._asking(deadline):
            return self._answer_to_bind(number).code == SUCCESS

    def search(
        self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline
    ) -> Steps[Answer]:
        """Look for entries; no more than MOST_ENTRIES are asked for."""
        yield from ()
        with self._asking(deadline):
            number = self._next_number()
            self._socket.sendall(search_request(number, base, scope, _encoded(filter), attributes))
            responses, result = self._strategy.get_response(number)
            _check_kind(result, "searchResDone")
            entries = tuple(_entry(each) for each in responses if each["type"] == "searchResEntry")
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

    def _next_number(self) -> int:
        """That of a request which ldap3 does not send, but whose answer it reads."""
        number: int = self._ldap.server.next_message_id()
        self._strategy._outstanding[number] = _REQUEST
        return number

    def _answer_to_bind(self, number: int) -> Answer:
        responses, result = self._strategy.get_response(number)
        if responses:
            raise ServerUnavailable(f"{NO_LDAP}: more than one answer to a bind")
        _check_kind(result, "bindResponse")
        policy = result.get("controls", {}).get(POLICY_CONTROL, {}).get("value")
        return Answer(result["result"], result["message"], policy)

    @contextmanager
    def _asking(self, deadline: Deadline) -> Iterator[None]:
        self._socket.deadline = deadline
        try:
            yield
        except LDAPInvalidFilterError as error:
            raise TemporaryFailure(f"ldap3 cannot read the filter: {error}") from None
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


def _encoded(filter: str) -> bytes:
    """A filter as it travels. Raises LDAPInvalidFilterError."""
    parsed = parse_filter(  # type: ignore[no-untyped-call]
        filter, None, auto_escape=True, auto_encode=True, validator=None, check_names=False
    )
    encoded: bytes = encode(compile_filter(parsed.elements[0]))  # type: ignore[no-untyped-call]
    return encoded


def _entry(response: dict[str, Any]) -> Entry:
    try:
        dn = bytes(response["raw_dn"]).decode()
    except UnicodeDecodeError:
        dn = ""
    return Entry(dn, {name.lower(): list(values) for name, values in response["raw_attributes"].items()})

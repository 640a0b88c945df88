"""The ldap3 engine: pure Python, with extauth's own sockets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError
from pyasn1.error import PyAsn1Error

from extauth.backends.ldap.connect import BoundedSocket, connect, socket_error_reason
from extauth.backends.ldap.engine import (
    INVALID_RESPONSE,
    POLICY_CONTROL,
    Deadline,
    LdapConnection,
    LdapEntry,
    LdapResult,
    Scope,
    ServerUnavailable,
)
from extauth.backends.ldap.ldap3_private import (
    connection_on,
    encode_bind,
    encode_filter,
    encode_search,
    next_request_number,
    response_reader,
)
from extauth.backends.ldap.result_codes import SUCCESS
from extauth.backends.ldap.servers import LdapServer
from extauth.backends.steps import Steps
from extauth.errors import TemporaryFailure

_START_TLS = "1.3.6.1.4.1.1466.20037"
_PARSE_ERRORS = (PyAsn1Error, ValueError, LookupError, TypeError, AttributeError)
"""What ldap3 raises if a message is invalid."""


class Ldap3Engine:
    """Connects through ldap3. `context` is the TLS context; with `starttls`, ldap:// connections begin TLS."""

    def __init__(self, context: ssl.SSLContext, *, starttls: bool) -> None:
        self._context = context
        self._starttls = starttls

    def connect(self, server: LdapServer, deadline: Deadline) -> LdapConnection:
        """Connect, anonymously, and begin TLS if configured. Raises ServerUnavailable."""
        try:
            sock = connect(server, deadline)
        except OSError as error:
            raise ServerUnavailable(socket_error_reason(error)) from None
        connection = Ldap3Connection(sock)
        try:
            if self._starttls and not server.tls and not server.path:
                connection.request_tls(deadline)
                sock.start_tls(self._context, server.host)
            elif server.tls:
                sock.start_tls(self._context, server.host)
        except OSError as error:
            connection.close()
            raise ServerUnavailable(f"TLS: {socket_error_reason(error)}") from None
        except ServerUnavailable:
            connection.close()
            raise
        return connection


class Ldap3Connection:
    """One ldap3 connection on a socket that keeps deadlines. Its generators never yield: they wait in the call."""

    def __init__(self, sock: BoundedSocket) -> None:
        self._socket = sock
        self._ldap = connection_on(sock)
        self._read_response = response_reader(self._ldap)
        self._anonymous_bind: int | None = None

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Steps[LdapResult]:
        """Bind as `dn`, or anonymously if both are empty."""
        yield from ()
        with self._errors(deadline):
            number = next_request_number(self._ldap)
            self._socket.sendall(encode_bind(number, dn, password))
            return self._bind_result(number)

    def send_anonymous_bind(self, deadline: Deadline) -> None:
        """Send an anonymous bind. Do not wait for the response."""
        with self._errors(deadline):
            number = next_request_number(self._ldap)
            self._socket.sendall(encode_bind(number, "", b""))
            self._anonymous_bind = number

    def is_anonymous(self, deadline: Deadline) -> Steps[bool]:
        """Return whether the last `send_anonymous_bind` succeeded. Its response has usually arrived by now."""
        yield from ()
        number, self._anonymous_bind = self._anonymous_bind, None
        if number is None:
            return True
        with self._errors(deadline):
            return self._bind_result(number).code == SUCCESS

    def search(
        self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline
    ) -> Steps[LdapResult]:
        """Search for at most MOST_ENTRIES entries. Raises TemporaryFailure if ldap3 cannot read the filter."""
        yield from ()
        with self._errors(deadline):
            number = next_request_number(self._ldap)
            self._socket.sendall(encode_search(number, base, scope, encode_filter(filter), attributes))
            messages, result = self._read_response(number)
            _check_kind(result, "searchResDone")
            entries = tuple(_entry(each) for each in messages if each["type"] == "searchResEntry")
            return LdapResult(result["result"], result["message"], entries=entries)

    def request_tls(self, deadline: Deadline) -> None:
        """Ask the server to begin TLS. Raises ServerUnavailable if it refuses."""
        with self._errors(deadline):
            _, result, _, _ = self._ldap.extended(_START_TLS)
            _check_kind(result, "extendedResp")
        if result["result"] != 0:
            raise ServerUnavailable(f"StartTLS refused: {result['description']}")

    def close(self) -> None:
        """Close it, in any state."""
        self._socket.close()

    def _bind_result(self, number: int) -> LdapResult:
        messages, result = self._read_response(number)
        if messages:
            raise ServerUnavailable(f"{INVALID_RESPONSE}: more than one message in response to a bind")
        _check_kind(result, "bindResponse")
        policy = result.get("controls", {}).get(POLICY_CONTROL, {}).get("value")
        return LdapResult(result["result"], result["message"], policy)

    @contextmanager
    def _errors(self, deadline: Deadline) -> Iterator[None]:
        """Set the deadline, and turn exceptions of ldap3 and of the socket into extauth's."""
        self._socket.deadline = deadline
        try:
            yield
        except LDAPInvalidFilterError as error:
            raise TemporaryFailure(f"ldap3 cannot read the filter: {error}") from None
        except (LDAPException, OSError) as error:
            if self._socket.timed_out:
                raise ServerUnavailable("no response in time") from None
            raise ServerUnavailable(f"the connection broke: {type(error).__name__}", lost=True) from None
        except _PARSE_ERRORS as error:
            raise ServerUnavailable(f"{INVALID_RESPONSE}: {type(error).__name__}") from None


def _check_kind(result: dict[str, Any], kind: str) -> None:
    """Raise ServerUnavailable if a response ends with a message of another kind. Its result code means nothing."""
    if result["type"] != kind:
        raise ServerUnavailable(f"{INVALID_RESPONSE}: {result['type']} instead of {kind}")


def _entry(response: dict[str, Any]) -> LdapEntry:
    try:
        dn = bytes(response["raw_dn"]).decode()
    except UnicodeDecodeError:
        dn = ""
    return LdapEntry(dn, {name.lower(): list(values) for name, values in response["raw_attributes"].items()})

"""The python-ldap engine: libldap, the C library of OpenLDAP.

All calls of libldap have a timeout, except TLS handshakes: a server that stalls in one would block the thread forever.
So extauth first makes a handshake through the ldap3 engine, with a timeout, and closes that connection.
"""

from __future__ import annotations

import os
import ssl
from types import TracebackType
from typing import Any

import ldap

from extauth.backends.ldap.connect import resolve, socket_error_reason
from extauth.backends.ldap.engine import (
    INVALID_RESPONSE,
    KEEPALIVE_IDLE,
    MOST_ENTRIES,
    POLICY_CONTROL,
    Deadline,
    LdapConnection,
    LdapEntry,
    LdapResult,
    Scope,
    ServerUnavailable,
)
from extauth.backends.ldap.python_ldap_private import Control, error_reason, libldap_connection, next_message
from extauth.backends.ldap.result_codes import SUCCESS
from extauth.backends.ldap.servers import LdapServer
from extauth.backends.steps import Steps, Wait, run_to_completion
from extauth.errors import TemporaryFailure

_SCOPES = {"subtree": ldap.SCOPE_SUBTREE, "one": ldap.SCOPE_ONELEVEL, "base": ldap.SCOPE_BASE}
_NO_ATTRIBUTES = "1.1"  # RFC 4511, section 4.5.1.8
_ASK_FOR_POLICY: list[Control] = [(POLICY_CONTROL, False, None)]
_CONNECTION_LOST = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR)


class PythonLdapEngine:
    """Connects through python-ldap. With `starttls`, ldap:// connections begin TLS."""

    def __init__(
        self, context: ssl.SSLContext, *, starttls: bool, ca_file: str | None, verify_certificate: bool
    ) -> None:
        self._context = context
        self._starttls = starttls
        self._ca_file = ca_file or ssl.get_default_verify_paths().cafile
        self._verify_certificate = verify_certificate

    def connect(self, server: LdapServer, deadline: Deadline) -> LdapConnection:
        """Connect, anonymously, and begin TLS if configured. Raises ServerUnavailable."""
        starttls = self._starttls and not server.tls and not server.path
        if server.tls or starttls:
            from extauth.backends.ldap.engine_ldap3 import Ldap3Engine  # here because it is large

            Ldap3Engine(self._context, starttls=starttls).connect(server, deadline).close()
        try:
            addresses = 1 if server.path else len(resolve(server))
        except OSError as error:
            raise ServerUnavailable(socket_error_reason(error)) from None
        connection = PythonLdapConnection(server.url)
        try:
            with _ERRORS:
                _set_options(connection.ldap, deadline.left() / addresses)
                if server.tls or starttls:
                    self._set_tls_options(connection.ldap)
            run_to_completion(connection.bind("", b"", deadline))  # libldap connects when it sends the first request
            if starttls:
                connection.start_tls(deadline)
        except ServerUnavailable as problem:
            connection.close()
            raise ServerUnavailable(str(problem)) from None
        return connection

    def _set_tls_options(self, connection: Any) -> None:
        """Set the TLS options. With them libldap reads all CA certificates for each connection."""
        demanded = ldap.OPT_X_TLS_DEMAND if self._verify_certificate else ldap.OPT_X_TLS_NEVER
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, demanded)
        if self._ca_file is not None:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, self._ca_file)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)


class PythonLdapConnection:
    """One libldap connection."""

    def __init__(self, url: str) -> None:
        self.ldap: Any = ldap.initialize(url)
        self._libldap = libldap_connection(self.ldap)
        self._anonymous_bind: int | None = None
        self._fileno: int | None = None  # of a non-blocking socket

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Steps[LdapResult]:
        """Bind as `dn`, or anonymously if both are empty."""
        with _ERRORS:
            number = self._libldap.simple_bind(dn, password, _ASK_FOR_POLICY, None)
        return self._result(number, ldap.RES_BIND, deadline)

    def send_anonymous_bind(self, deadline: Deadline) -> None:
        """Send an anonymous bind. Do not wait for the response."""
        with _ERRORS:
            self._anonymous_bind = self._libldap.simple_bind("", b"", None, None)

    def is_anonymous(self, deadline: Deadline) -> Steps[bool]:
        """Return whether the last `send_anonymous_bind` succeeded. Its response has usually arrived by now."""
        number, self._anonymous_bind = self._anonymous_bind, None
        if number is None:
            return True
        result = yield from self._result(number, ldap.RES_BIND, deadline)
        return result.code == SUCCESS

    def search(
        self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline
    ) -> Steps[LdapResult]:
        """Search for at most MOST_ENTRIES entries. Raises TemporaryFailure if libldap cannot read the filter."""
        wanted = list(attributes) or [_NO_ATTRIBUTES]
        with _ERRORS:
            number = self._libldap.search_ext(base, _SCOPES[scope], filter, wanted, 0, None, None, -1, MOST_ENTRIES)
        return self._result(number, ldap.RES_SEARCH_RESULT, deadline)

    def start_tls(self, deadline: Deadline) -> None:
        """Begin TLS. Raises ServerUnavailable."""
        with _ERRORS:
            self.ldap.set_option(ldap.OPT_TIMEOUT, deadline.left())
            self.ldap.start_tls_s()
        self._fileno = None

    def close(self) -> None:
        """Close it, in any state."""
        try:
            self.ldap.unbind_ext()
        except ldap.LDAPError:
            return

    def _socket(self) -> int:
        """Return the socket. It exists after the first request. It does not block if a message arrives in parts."""
        if self._fileno is None:
            self._fileno = self.ldap.fileno()
            os.set_blocking(self._fileno, False)
        return self._fileno

    def _result(self, number: int, last_kind: int, deadline: Deadline) -> Steps[LdapResult]:
        """Wait for the response to request `number`. Its last message must be of kind `last_kind`."""
        with _ERRORS:
            wait = Wait(self._socket(), deadline.at, can_block=True)
            seconds = yield wait
            entries: tuple[LdapEntry, ...] = ()
            while True:
                kind, found = next_message(self._libldap, number, seconds or 0)
                if found is None:
                    deadline.left()
                    seconds = yield wait
                elif isinstance(found, tuple):
                    entries += found
                elif kind == last_kind:
                    return LdapResult(found.code, found.message, found.policy, entries) if entries else found
                else:
                    raise ServerUnavailable(f"{INVALID_RESPONSE}: kind {kind} instead of {last_kind}")


def _set_options(connection: Any, seconds: float) -> None:
    """Set the options that libldap needs before it connects. `seconds` is the time for each address of a name."""
    connection.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
    connection.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
    connection.set_option(ldap.OPT_DEREF, ldap.DEREF_NEVER)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, seconds)
    connection.set_option(ldap.OPT_X_KEEPALIVE_IDLE, KEEPALIVE_IDLE)


class _Errors:
    """Turns exceptions of libldap into extauth's. A generator would take longer than the calls that it guards."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            return
        if isinstance(error, ldap.TIMEOUT | TimeoutError):
            raise ServerUnavailable("no response in time") from None
        if isinstance(error, _CONNECTION_LOST):
            raise ServerUnavailable(error_reason(error), lost=True) from None
        if isinstance(error, ldap.FILTER_ERROR):
            raise TemporaryFailure("libldap cannot read the filter") from None
        if isinstance(error, ldap.LDAPError):
            raise ServerUnavailable(error_reason(error)) from None


_ERRORS = _Errors()

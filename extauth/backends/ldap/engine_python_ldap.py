"""python-ldap as an engine: libldap, the library of OpenLDAP.

Of libldap's calls only TLS handshakes have no timeout, so that a server which stalls in one would hold the thread for
ever. Hence a server must first complete one with the other engine, on a connection that ends there.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import ldap

from extauth.backends.ldap.dial import addresses_of, reason_of
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
from extauth.backends.steps import Steps, Wait, run_alone
from extauth.errors import TemporaryFailure

_SCOPES = {"subtree": ldap.SCOPE_SUBTREE, "one": ldap.SCOPE_ONELEVEL, "base": ldap.SCOPE_BASE}
_NO_ATTRIBUTES = "1.1"  # RFC 4511, section 4.5.1.8
_ASK_FOR_POLICY = [(POLICY_CONTROL, False, None)]
_LOST = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR)
_IDLE = 60  # seconds of silence after which the system looks whether the other side is still there


class PythonLdapEngine:
    """Connections through python-ldap; `starttls` begins TLS on those that begin without."""

    def __init__(
        self, context: ssl.SSLContext, *, starttls: bool, ca_file: str | None, verify_certificate: bool
    ) -> None:
        self._context = context
        self._starttls = starttls
        self._ca_file = ca_file or ssl.get_default_verify_paths().cafile
        self._verify_certificate = verify_certificate

    def connect(self, server: Server, deadline: Deadline) -> Connection:
        """A connection as nobody, under TLS where that is configured. Raises ServerUnavailable."""
        starttls = self._starttls and not server.tls and not server.path
        if server.tls or starttls:
            from extauth.backends.ldap.engine_ldap3 import Ldap3Engine  # here because it is large

            Ldap3Engine(self._context, starttls=starttls).connect(server, deadline).close()
        try:
            addresses = 1 if server.path else len(addresses_of(server))
        except OSError as error:
            raise ServerUnavailable(reason_of(error)) from None
        connection = PythonLdapConnection(server.url)
        try:
            with _ASKING:
                _set_options(connection.ldap, deadline.left() / addresses)
                if server.tls or starttls:
                    self._set_tls_options(connection.ldap)
            run_alone(connection.bind("", b"", deadline))  # libldap dials when it has something to send
            if starttls:
                connection.start_tls(deadline)
        except ServerUnavailable as problem:
            connection.close()
            raise ServerUnavailable(str(problem)) from None
        return connection

    def _set_tls_options(self, connection: Any) -> None:
        """Only where there is TLS: they have libldap read all certificates of the authorities for each connection."""
        demanded = ldap.OPT_X_TLS_DEMAND if self._verify_certificate else ldap.OPT_X_TLS_NEVER
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, demanded)
        if self._ca_file is not None:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, self._ca_file)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)


class PythonLdapConnection:
    """One connection of libldap's.

    Requests and answers go through the object under python-ldap's own: what that one adds, such as a lock for threads
    that share it, takes as long as libldap.
    """

    def __init__(self, url: str) -> None:
        self.ldap: Any = ldap.initialize(url)
        self._libldap: Any = self.ldap._l
        self._leaving: int | None = None
        self._fileno: int | None = None  # of a socket that does not block

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Steps[Answer]:
        """Become `dn`, or nobody where both are empty."""
        with _ASKING:
            number = self._libldap.simple_bind(dn, password, _ASK_FOR_POLICY, None)
        return self._answer(number, ldap.RES_BIND, deadline)

    def leave(self, deadline: Deadline) -> None:
        """Ask to be nobody again; the answer is not waited for."""
        with _ASKING:
            self._leaving = self._libldap.simple_bind("", b"", None, None)

    def has_left(self, deadline: Deadline) -> Steps[bool]:
        """Whether it is nobody again, where that was asked; the answer will have come by now."""
        number, self._leaving = self._leaving, None
        if number is None:
            return True
        answer = yield from self._answer(number, ldap.RES_BIND, deadline)
        return answer.code == SUCCESS

    def search(
        self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline
    ) -> Steps[Answer]:
        """Look for entries; no more than MOST_ENTRIES are asked for."""
        wanted = list(attributes) or [_NO_ATTRIBUTES]
        with _ASKING:
            number = self._libldap.search_ext(base, _SCOPES[scope], filter, wanted, 0, None, None, -1, MOST_ENTRIES)
        return self._answer(number, ldap.RES_SEARCH_RESULT, deadline)

    def start_tls(self, deadline: Deadline) -> None:
        """Go on under TLS. Raises ServerUnavailable."""
        with _ASKING:
            self.ldap.set_option(ldap.OPT_TIMEOUT, deadline.left())
            self.ldap.start_tls_s()
        self._fileno = None

    def _socket(self) -> int:
        """The socket, which there is from the first request on; libldap shall not wait for whole messages there."""
        if self._fileno is None:
            self._fileno = self.ldap.fileno()
            os.set_blocking(self._fileno, False)
        return self._fileno

    def close(self) -> None:
        """Have it closed, whatever state it is in."""
        try:
            self.ldap.unbind_ext()
        except ldap.LDAPError:
            return

    def _answer(self, number: int, ending: int, deadline: Deadline) -> Steps[Answer]:
        """The answer to request `number`, which a message of the kind `ending` ends."""
        with _ASKING:
            wait = Wait(self._socket(), deadline.at, can_block=True)
            seconds = yield wait
            entries: tuple[Entry, ...] = ()
            while True:
                kind, found = self._message(number, seconds or 0)
                if found is None:
                    deadline.left()
                    seconds = yield wait
                elif isinstance(found, tuple):
                    entries += found
                elif kind == ending:
                    return Answer(found.code, found.message, found.policy, entries) if entries else found
                else:
                    raise ServerUnavailable(f"{NO_LDAP}: kind {kind} in the place of {ending}")

    def _message(self, number: int, seconds: float) -> tuple[int, Answer | tuple[Entry, ...] | None]:
        """The next message about request `number`: its kind, and what it has of a result or else of entries.

        It is waited for no longer than so many seconds; None where these are none, and it has not come yet.
        """
        try:
            kind, data, whose, controls = self._libldap.result4(number, 0, seconds, 0, 0, 0)
        except ldap.TIMEOUT:
            return 0, None
        except UnicodeDecodeError:  # only an entry's name has to be UTF-8
            return ldap.RES_SEARCH_ENTRY, (Entry("", {}),)
        except ldap.LDAPError as error:
            said = _said(error)
            if said.get("result", -1) < 0:
                raise
            kind, whose = said.get("msgtype", -1), said.get("msgid", -1)
            found: Answer | tuple[Entry, ...] = Answer(
                said["result"], said.get("info", ""), _policy(said.get("ctrls", ()))
            )
        else:
            if kind is None:
                return 0, None
            if kind == ldap.RES_SEARCH_ENTRY:
                found = tuple(_entry(*each) for each in data)
            elif kind == ldap.RES_SEARCH_REFERENCE:
                found = ()
            else:
                found = Answer(0, "", _policy(controls))
        if whose != number:  # a notice of disconnection: its code, which may be 0, is about no request
            raise ServerUnavailable("the server ended the connection", lost=True)
        return kind, found


def _set_options(connection: Any, seconds: float) -> None:
    """What must be set before it connects, where each address of a name has as many seconds."""
    connection.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
    connection.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
    connection.set_option(ldap.OPT_DEREF, ldap.DEREF_NEVER)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, seconds)
    connection.set_option(ldap.OPT_X_KEEPALIVE_IDLE, _IDLE)


class _Asking:
    """What libldap raises, in our words. A class, since a generator would take longer than what it is around."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            return
        if isinstance(error, ldap.TIMEOUT | TimeoutError):
            raise ServerUnavailable("no answer in time") from None
        if isinstance(error, _LOST):
            raise ServerUnavailable(_reason(error), lost=True) from None
        if isinstance(error, ldap.FILTER_ERROR):
            raise TemporaryFailure("libldap cannot read the filter") from None
        if isinstance(error, ldap.LDAPError):
            raise ServerUnavailable(_reason(error)) from None


_ASKING = _Asking()


def _policy(controls: Iterable[tuple[str, bool, bytes]]) -> bytes | None:
    """The policy's control, left as it came."""
    for oid, _, value in controls:
        if oid == POLICY_CONTROL:
            return value
    return None


def _said(error: ldap.LDAPError) -> dict[str, Any]:
    """What python-ldap has put into an error: the result, and whose it is where it is an answer."""
    return error.args[0] if error.args and isinstance(error.args[0], dict) else {}


def _reason(error: ldap.LDAPError) -> str:
    said = _said(error)
    detail = said.get("info") or (os.strerror(said["errno"]) if said.get("errno") else "")
    return ", ".join(filter(None, (said.get("desc"), detail))) or type(error).__name__


def _entry(dn: str, attributes: dict[str, list[bytes]]) -> Entry:
    return Entry(dn, {attribute.lower(): values for attribute, values in attributes.items()})

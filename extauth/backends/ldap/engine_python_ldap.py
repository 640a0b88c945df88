"""python-ldap as an engine: libldap, the library of OpenLDAP.

Of libldap's calls only TLS handshakes have no timeout, so that a server which stalls in one would hold the thread for
ever. Hence a server must first complete one with the other engine, on a connection that ends there.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ldap
from ldap.controls import RequestControl, ResponseControl

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
from extauth.errors import CannotTell

_SCOPES = {"subtree": ldap.SCOPE_SUBTREE, "one": ldap.SCOPE_ONELEVEL, "base": ldap.SCOPE_BASE}
_NO_ATTRIBUTES = "1.1"  # RFC 4511, section 4.5.1.8
_LOST = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR)
_IDLE = 60  # seconds of silence after which the system looks whether the other side is still there


class _Policy(ResponseControl):  # type: ignore[misc]  # python-ldap has no types
    """The password policy control, left as it came."""

    controlType = POLICY_CONTROL

    def decodeControlValue(self, encodedControlValue: bytes) -> None:
        self.value = encodedControlValue


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
            with _asking():
                _set_options(connection.ldap, deadline.left() / addresses)
                if server.tls or starttls:
                    self._set_tls_options(connection.ldap)
            connection.bind("", b"", deadline)  # libldap dials when it has something to send
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
    """One connection of libldap's."""

    def __init__(self, url: str) -> None:
        self.ldap: Any = ldap.initialize(url)
        self._leaving: int | None = None
        self._blocks = True

    def bind(self, dn: str, password: bytes, deadline: Deadline) -> Answer:
        """Become `dn`, or nobody where both are empty."""
        policy = [RequestControl(POLICY_CONTROL, False, None)]
        return self._ask(lambda: self.ldap.simple_bind(dn, password, serverctrls=policy), ldap.RES_BIND, deadline)

    def leave(self, deadline: Deadline) -> None:
        """Ask to be nobody again; the answer is not waited for."""
        with _asking():
            self._leaving = self.ldap.simple_bind("", b"")

    def has_left(self, deadline: Deadline) -> bool:
        """Whether it is nobody again, where that was asked; the answer will have come by now."""
        number, self._leaving = self._leaving, None
        return number is None or self._ask(lambda: number, ldap.RES_BIND, deadline).code == SUCCESS

    def search(self, base: str, scope: Scope, filter: str, attributes: tuple[str, ...], deadline: Deadline) -> Answer:
        """Look for entries; no more than MOST_ENTRIES are asked for."""
        wanted = list(attributes) or [_NO_ATTRIBUTES]
        return self._ask(
            lambda: self.ldap.search_ext(base, _SCOPES[scope], filter, wanted, sizelimit=MOST_ENTRIES),
            ldap.RES_SEARCH_RESULT,
            deadline,
        )

    def start_tls(self, deadline: Deadline) -> None:
        """Go on under TLS. Raises ServerUnavailable."""
        with _asking():
            self.ldap.set_option(ldap.OPT_TIMEOUT, deadline.left())
            self.ldap.start_tls_s()
        self._blocks = True

    def _never_block(self) -> None:
        """Have libldap come back to its deadline with every byte that comes: otherwise it waits for whole messages."""
        if self._blocks:
            os.set_blocking(self.ldap.fileno(), False)
            self._blocks = False

    def close(self) -> None:
        """Have it closed, whatever state it is in."""
        try:
            self.ldap.unbind_ext()
        except ldap.LDAPError:
            return

    def _ask(self, send: Callable[[], int], ending: int, deadline: Deadline) -> Answer:
        """The answer to what `send` sends, which a message of the kind `ending` ends."""
        entries: list[Entry] = []
        with _asking():
            number = send()
            self._never_block()  # there was no socket before
            while True:
                kind, found = self._message(number, deadline)
                if not isinstance(found, Answer):
                    entries += found
                elif kind == ending:
                    return Answer(found.code, found.message, found.policy, tuple(entries))
                else:
                    raise ServerUnavailable(f"{NO_LDAP}: kind {kind} in the place of {ending}")

    def _message(self, number: int, deadline: Deadline) -> tuple[int, Answer | list[Entry]]:
        """The next message about request `number`: its kind, and what it has of a result or else of entries."""
        try:
            kind, data, whose, controls = self.ldap.result3(
                number, all=0, timeout=deadline.left(), resp_ctrl_classes={POLICY_CONTROL: _Policy}
            )
        except UnicodeDecodeError:  # only an entry's name has to be UTF-8
            return ldap.RES_SEARCH_ENTRY, [Entry("", {})]
        except ldap.LDAPError as error:
            said = _said(error)
            if said.get("result", -1) < 0:
                raise
            kind, whose = said.get("msgtype", -1), said.get("msgid", -1)
            policy = next((value for oid, _, value in said.get("ctrls", ()) if oid == POLICY_CONTROL), None)
            found: Answer | list[Entry] = Answer(said["result"], said.get("info", ""), policy)
        else:
            if kind == ldap.RES_SEARCH_ENTRY:
                found = [_entry(*each) for each in data]
            elif kind == ldap.RES_SEARCH_REFERENCE:
                found = []
            else:
                found = Answer(0, "", next((each.value for each in controls if isinstance(each, _Policy)), None))
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


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (ldap.TIMEOUT, TimeoutError):
        raise ServerUnavailable("no answer in time") from None
    except _LOST as error:
        raise ServerUnavailable(_reason(error), lost=True) from None
    except ldap.FILTER_ERROR:
        raise CannotTell("libldap cannot read the filter") from None
    except ldap.LDAPError as error:
        raise ServerUnavailable(_reason(error)) from None


def _said(error: ldap.LDAPError) -> dict[str, Any]:
    """What python-ldap has put into an error: the result, and whose it is where it is an answer."""
    return error.args[0] if error.args and isinstance(error.args[0], dict) else {}


def _reason(error: ldap.LDAPError) -> str:
    said = _said(error)
    return ", ".join(filter(None, (said.get("desc"), said.get("info")))) or type(error).__name__


def _entry(dn: str, attributes: dict[str, list[bytes]]) -> Entry:
    return Entry(dn, {attribute.lower(): values for attribute, values in attributes.items()})

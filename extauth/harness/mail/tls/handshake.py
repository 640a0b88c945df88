"""The TLS connections: the certificate by server name or address, and a log record of each handshake."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.components import registerAdapter
from zope.interface import implementer

from extauth.harness.mail.accounts import Accounts
from extauth.harness.mail.server_settings import TLS_MODULE, read_tls_settings
from extauth.harness.mail.tls.client_hello import ClientHello
from extauth.harness.mail.tls.contexts import Contexts, TlsOff, openssl_reasons
from extauth.harness.masking import printable
from extauth.log_levels import Level
from extauth.protocol.accounts import canonical_domain

Record = Callable[[Level, str, str], None]
"""Writes a log record: its level, its tag, its text."""

_SENDS_A_CERTIFICATE = b"write certificate"  # in OpenSSL's name of this step, which a resumed session does not have
_MEANINGS = {
    "http request": "the client sent HTTP",
    "wrong version number": "the client sent no TLS",
    "packet length too long": "the client sent no TLS",  # older versions of OpenSSL
    "unsupported protocol": "the client has no TLS 1.2 or later",
    "version too low": "the client has no TLS 1.2 or later",
    "no shared cipher": "the client has none of the cipher suites",
    "alert unknown ca": "the client does not trust the certificate",
    "alert bad certificate": "the client does not accept the certificate",
    "alert certificate expired": "the client does not accept the certificate",
    "alert certificate unknown": "the client does not accept the certificate",
}
_CLOSED = "the connection was closed before the end of the handshake"


class ServerTls:
    """TLS of the mail server: its certificates, and those of the domains. See `Contexts`."""

    def __init__(self, accounts: Accounts, pair: tuple[Path, Path] | None) -> None:
        self._accounts = accounts
        self._contexts = Contexts(accounts, pair, _note_step)
        self.made = self._contexts.made

    def is_on(self, local_address: str) -> bool:
        """Return True if the domain of this address has TLS."""
        try:
            self._contexts.of_domain(self._accounts.domain_at(local_address))
        except TlsOff:
            return False
        return True

    def at(self, local_address: str, record: Record, ended: Callable[[], None]) -> TlsConnectionFactory:
        """Return the factory of a TLS connection to this address.

        record: gets what the TLS log level includes
        ended: called when the client says that it sends no more
        """

        def write(level: Level, text: str) -> None:
            if level <= read_tls_settings(self._accounts.module_settings).log_level:
                record(level, TLS_MODULE, text)

        return TlsConnectionFactory(lambda: TlsConnection(partial(self._choose, local_address), write, ended))

    def _choose(self, local_address: str, server_name: bytes) -> tuple[SSL.Context, TlsOff | None]:
        """Return the context of a connection to `local_address`, and why there is no TLS, if that is so.

        server_name: as the client sent it (SNI; RFC 6066, section 3); empty if it sent none
        """
        name = canonical_domain(server_name.decode(errors="replace")) or ""
        domain = self._accounts.find_domain(name)
        if domain is None:
            domain, name = self._accounts.domain_at(local_address), ""
        try:
            return self._contexts.of_domain(domain, name), None
        except TlsOff as off:
            return self._contexts.without_certificate, off


@implementer(IOpenSSLServerConnectionCreator)
class TlsConnectionFactory:
    """Makes a TLS connection for twisted."""

    def __init__(self, new_connection: Callable[[], SSL.Connection]) -> None:
        self._new_connection = new_connection

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Return a connection for `protocol`."""
        return self._new_connection()


class TlsConnection(SSL.Connection):
    """One TLS connection. It writes a record at the end of its handshake.

    choose: returns the context for a server name, and why there is no TLS; then the handshake fails
    ended: called when the client says that it sends no more; it still gets replies (RFC 8446, section 6.1)
    is_established: the handshake has succeeded
    """

    def __init__(
        self,
        choose: Callable[[bytes], tuple[SSL.Context, TlsOff | None]],
        write: Callable[[Level, str], None],
        ended: Callable[[], None],
    ) -> None:
        context, self._off = choose(b"")
        super().__init__(context, None)
        self._choose = choose
        self._write = write
        self._ended = ended
        self._hello = ClientHello()
        self._is_resumed = True
        self._is_over = False
        self.is_established = False

    def bio_write(self, buf: bytes | bytearray | memoryview) -> int:
        """Take data from the network. twisted calls this."""
        if not self._hello.is_complete:
            self._hello.feed(buf)
            if name := self._hello.server_name:
                context, self._off = self._choose(name)
                self.set_context(context)
        return super().bio_write(buf)

    def do_handshake(self) -> None:
        """Do the next part of the handshake. twisted calls this. Raises WantReadError until everything has arrived."""
        try:
            if not self._hello.is_complete:
                raise SSL.WantReadError
            super().do_handshake()
            if self._off is not None:
                raise SSL.Error([("", "", str(self._off))])
        except SSL.WantReadError:
            raise
        except SSL.Error as error:
            self._end(Level.PROBLEMS, f"handshake failed: {self._off or _reason(error)}{self._server_name()}")
            raise
        self.is_established = True
        session = "resumed session" if self._is_resumed else "new session"
        suite = f"{self.get_protocol_version_name()}, {self.get_cipher_name()}"
        self._end(Level.LOW_LEVEL, f"handshake: {suite}, {session}{self._server_name()}")

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Return data from the client. twisted calls this, and would close the connection after ZeroReturnError."""
        try:
            return super().recv(bufsiz, flags)
        except SSL.ZeroReturnError:
            self._ended()
            raise SSL.WantReadError from None

    def bio_shutdown(self) -> None:
        """Take the end of the connection. twisted calls this."""
        self._end(Level.PROBLEMS, f"handshake failed: {_CLOSED}")
        super().bio_shutdown()

    def note_step(self) -> None:
        """Look at the present step of the handshake."""
        if _SENDS_A_CERTIFICATE in self.get_state_string():
            self._is_resumed = False

    def _server_name(self) -> str:
        name = self._hello.server_name
        return f", server name {printable(name)}" if name else ""

    def _end(self, level: Level, text: str) -> None:
        """Write the record, unless there is one."""
        if not self._is_over:
            self._is_over = True
            self._write(level, text)


@implementer(IHalfCloseableProtocol)
class _EndOfInput:
    """Takes the end of the input of a TLS connection without close_notify, as twisted does without TLS.

    The client still gets the replies. Then the connection ends without the close_notify of the client.
    """

    def __init__(self, tls: Any) -> None:
        self._tls = tls

    def readConnectionLost(self) -> None:
        """The client sends no more."""
        connection = self._tls.getHandle()
        if connection.is_established:
            connection.set_shutdown(SSL.RECEIVED_SHUTDOWN)
            self._tls.wrappedProtocol.readConnectionLost()
        else:
            self._tls.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """The client takes no more data."""
        self._tls.wrappedProtocol.writeConnectionLost()


registerAdapter(_EndOfInput, TLSMemoryBIOProtocol, IHalfCloseableProtocol)


def _note_step(connection: SSL.Connection, where: int, result: int) -> None:
    assert isinstance(connection, TlsConnection)
    connection.note_step()


def _reason(error: SSL.Error) -> str:
    """Return the reason of a failed handshake, with its meaning if there is one."""
    reason = openssl_reasons(error)
    if not reason:
        return _CLOSED
    meaning = next((meaning for part, meaning in _MEANINGS.items() if part in reason), "")
    return f"{meaning} ({reason})" if meaning else reason

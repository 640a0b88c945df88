"""Reads the server name of a client (SNI) before the handshake.

OpenSSL looks for the session of the client first, and tells the server name afterwards. So it would resume a session
that was made for another name, which RFC 6066, section 3 forbids. Here a second connection of OpenSSL reads the same
bytes, tells the name, and stops, because it has no certificate.
"""

from __future__ import annotations

from OpenSSL import SSL


class ClientHello(SSL.Connection):
    """The first message of a client. `is_complete` is also True for bytes that are no such message."""

    def __init__(self) -> None:
        super().__init__(_CONTEXT, None)
        self.set_accept_state()
        self.is_complete = False
        self.server_name = b""

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the client."""
        self.bio_write(data)
        try:
            self.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self.is_complete = True

    def take_server_name(self) -> None:
        """Take the name; OpenSSL has read the message."""
        self.is_complete = True
        self.server_name = self.get_servername() or b""


def _take_server_name(connection: SSL.Connection) -> None:
    assert isinstance(connection, ClientHello)
    connection.take_server_name()


_CONTEXT = SSL.Context(SSL.TLS_SERVER_METHOD)
_CONTEXT.set_tlsext_servername_callback(_take_server_name)

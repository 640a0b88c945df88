"""Opens connections to a server, with TLS if configured, within one time limit."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from functools import partial

from extauth.backends.ldap.connection import LdapConnection
from extauth.backends.ldap.servers import NoResponse, ServerUnavailable
from extauth.backends.network import ServerAddress, reason_of

_NEXT_ADDRESS = 0.25  # seconds after which the next address of a name is tried as well


class Connector:
    """Opens connections to one server.

    `context`: how to use TLS; None if no connection uses it. `starttls`: ldap:// connections begin TLS. `seconds`: for
    the name, the connection and TLS together. `new`: makes a connection that is not connected yet.
    """

    def __init__(
        self,
        server: ServerAddress,
        context: ssl.SSLContext | None,
        new: Callable[[], LdapConnection],
        *,
        starttls: bool,
        seconds: float,
    ) -> None:
        self._server = server
        self._context = context
        self._new = new
        self._starttls = starttls and not server.tls and not server.path
        self._seconds = seconds

    async def connect(self, until: float) -> LdapConnection:
        """Return a new connection, which is anonymous. `until`: monotonic seconds. Raises ServerUnavailable."""
        until = min(time.monotonic() + self._seconds, until)
        connection = self._new()
        try:
            async with asyncio.timeout_at(until):
                await self._open(connection)
                if self._starttls:
                    await self._start_tls(connection, until)
        except TimeoutError:
            raise NoResponse from None
        except OSError as error:
            raise ServerUnavailable(reason_of(error)) from None
        return connection

    async def _open(self, connection: LdapConnection) -> None:
        loop = asyncio.get_running_loop()
        if self._server.path:
            await loop.create_unix_connection(lambda: connection, self._server.path)
            return
        connect = partial(
            loop.create_connection,
            lambda: connection,
            self._server.host,
            self._server.port,
            happy_eyeballs_delay=_NEXT_ADDRESS,
        )
        await (connect(ssl=self._context) if self._server.tls else connect())

    async def _start_tls(self, connection: LdapConnection, until: float) -> None:
        assert self._context is not None
        with connection.ended_on_error():
            result = await connection.request_tls(until)
            if result.code != 0:
                raise ServerUnavailable(f"StartTLS refused: {result.code} {result.message[:200]}".rstrip())
            plain = connection.transport_for_tls()
            loop = asyncio.get_running_loop()
            secure = await loop.start_tls(plain, connection, self._context, server_hostname=self._server.host)
            if secure is None:
                raise ServerUnavailable("the server closed the connection")
            connection.connection_made(secure)

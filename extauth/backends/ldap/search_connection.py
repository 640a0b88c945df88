"""The connection to one server on which extauth searches. All requests share it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable

import msgspec

from extauth.backends.ldap.connect import Connector
from extauth.backends.ldap.connection import LdapConnection
from extauth.backends.ldap.messages import LdapResult
from extauth.backends.ldap.result_codes import SUCCESS, describe_result, verdict_of_bind
from extauth.backends.ldap.servers import NoResponse
from extauth.backends.tls import warn_of_certificate
from extauth.errors import TemporaryFailure
from extauth.model import Secret, Verdict

_PAUSE = 30.0  # seconds after a rejection: directories lock out accounts that are rejected too often


class ServiceAccount(msgspec.Struct, frozen=True):
    """The account that searches for entries. A new password takes effect in a new process."""

    dn: str
    password: Secret


class SearchConnection:
    """Connects when it is first needed, bound as the service account or anonymous.

    After the server rejects the service account, extauth does not try it there for a while.
    """

    def __init__(
        self,
        connector: Connector,
        service: ServiceAccount | None,
        log: logging.Logger,
        *,
        url: str,
    ) -> None:
        self._connector = connector
        self._service = service
        self._log = log
        self._url = url
        self._connection: LdapConnection | None = None
        self._connecting: asyncio.Task[LdapConnection] | None = None
        self.is_anonymous = service is None
        self._rejection = ""
        self._rejected_until = 0.0  # monotonic seconds

    def search(self, search: bytes, until: float) -> Awaitable[LdapResult]:
        """Send an encoded search.

        Awaiting it raises ServerUnavailable, and TemporaryFailure if the service account is rejected.
        """
        connection = self._connection
        if connection is not None and connection.is_open:
            return connection.search(search, until)
        return self._connect_and_search(search, until)

    async def self_test(self, until: float) -> str:
        """Connect, and return the outcome. Raises as `search` does."""
        connection = await self._connect_once(until)
        warn_of_certificate(self._log, self._url, connection.transport)
        if self._service is not None:
            return f"accepts the service account {self._service.dn}"
        result = await connection.bind_alone("", b"", until)
        return f"{'accepts' if result.code == SUCCESS else f'returns {describe_result(result)} to'} an anonymous bind"

    def close(self) -> None:
        """Close it."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.end()

    async def _connect_and_search(self, search: bytes, until: float) -> LdapResult:
        connection = await self._connect_once(until)
        return await connection.search(search, until)

    async def _connect_once(self, until: float) -> LdapConnection:
        """Connect. Requests that come meanwhile wait for the same connection."""
        if self._connection is not None and self._connection.is_open:
            return self._connection
        if self._connecting is None:
            if time.monotonic() < self._rejected_until:
                raise TemporaryFailure(self._rejection)
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add_done_callback(self._on_connected)
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.shield(self._connecting)
        except TimeoutError:
            raise NoResponse from None

    def _on_connected(self, task: asyncio.Task[LdapConnection]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._connection = task.result()

    async def _connect(self) -> LdapConnection:
        connection = await self._connector.connect(math.inf)  # several requests wait, each until its own deadline
        if self._service is not None:
            with connection.ended_on_error():
                await self._bind_service(connection, self._service)
        return connection

    async def _bind_service(self, connection: LdapConnection, service: ServiceAccount) -> None:
        result = await connection.bind_alone(service.dn, service.password.reveal(), math.inf)
        reason = _rejection_reason(result)
        if reason is not None:
            self._rejection = f"{self._url} rejects the service account {service.dn}: {reason}"
            self._rejected_until = time.monotonic() + _PAUSE
            self._log.critical("%s", self._rejection)
            raise TemporaryFailure(self._rejection)


def _rejection_reason(result: LdapResult) -> str | None:
    """Return why the bind was rejected, in the same words as for users, or None if it succeeded."""
    try:
        found = verdict_of_bind(result)
    except TemporaryFailure as failure:
        return str(failure)
    return None if found.verdict is Verdict.OK else found.reason

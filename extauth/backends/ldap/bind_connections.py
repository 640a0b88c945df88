"""The connections to one server on which users bind.

A bind replaces the one before it, and after a failed bind the connection is anonymous (RFC 4511, section 4.2.1). So
users are bound one after the other while requests wait. A connection that is not used for a moment gets an anonymous
bind, if a user is bound on it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from extauth.backends.ldap.connect import Connector
from extauth.backends.ldap.connection import LdapConnection
from extauth.backends.ldap.messages import LdapResult
from extauth.backends.ldap.result_codes import SUCCESS
from extauth.backends.ldap.servers import ConnectionBroke, ServerUnavailable
from extauth.backends.ldap.timers import Timers, seconds_from_now
from extauth.model import Secret

_UNBIND_AFTER = 0.2  # seconds for which a user may stay bound on a connection that is not used

Waiter = asyncio.Future[LdapConnection | None]
"""Waits for a connection, or for None: it may then open a new one."""


class BindConnections:
    """Opens at most `limit` connections, with one bind at a time on each. `seconds`: for a response."""

    def __init__(self, connector: Connector, timers: Timers, *, limit: int, seconds: float) -> None:
        self._connector = connector
        self._timers = timers
        self._limit = limit
        self._seconds = seconds
        self._count = 0
        self._free: list[LdapConnection] = []  # the last one was used last
        self._bound: dict[LdapConnection, float] = {}  # free ones with a bound user: when they became free
        self._waiters: deque[Waiter] = deque()
        self._unbind_timer: asyncio.TimerHandle | None = None
        self._unbinding: set[asyncio.Task[None]] = set()

    async def bind(self, dn: str, password: Secret, until: float) -> LdapResult:
        """Bind as a user. If an old connection breaks before the server has received the bind, use another one.

        Raises ServerUnavailable.
        """
        connection = self._take_free()
        is_new = connection is None
        if connection is None:
            connection, is_new = await self._acquire(until)
        try:
            return await self._bind_on(connection, dn, password, until)
        except ConnectionBroke as problem:
            if is_new or problem.received:
                raise
        self.close_free()  # they have been idle for longer
        connection, _ = await self._acquire(until)
        return await self._bind_on(connection, dn, password, until)

    def dismiss_waiters(self, problem: ServerUnavailable) -> None:
        """Let all that wait for a connection ask another server."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(ServerUnavailable(str(problem)))

    def close_free(self) -> None:
        """Close those that are not in use."""
        for connection in self._free:
            connection.end()
        self._count -= len(self._free)
        self._free.clear()
        self._bound.clear()

    def close(self) -> None:
        """Close those that are not in use, and end all work that no request waits for."""
        self.close_free()
        for task in self._unbinding:
            task.cancel()
        if self._unbind_timer is not None:
            self._unbind_timer.cancel()

    async def _bind_on(self, connection: LdapConnection, dn: str, password: Secret, until: float) -> LdapResult:
        is_bound = False
        try:
            result = await connection.bind(dn, password.reveal(), seconds_from_now(self._seconds, until))
            is_bound = result.code == SUCCESS
        except BaseException:  # also when it is cancelled: no other bind may come before the response
            connection.end()
            raise
        finally:
            self._release(connection, is_bound=is_bound)
        return result

    def _take_free(self) -> LdapConnection | None:
        while self._free:
            connection = self._free.pop()
            self._bound.pop(connection, None)
            if connection.is_open:
                return connection
            self._count -= 1
        return None

    async def _acquire(self, until: float) -> tuple[LdapConnection, bool]:
        """Return a connection that nobody else uses, when one is free or can be opened, and whether it is new."""
        if self._count < self._limit:
            self._count += 1
        elif (given := await self._wait(until)) is not None:
            return given, False
        try:
            return await self._connector.connect(until), True
        except BaseException:
            self._allow_another()
            raise

    async def _wait(self, until: float) -> LdapConnection | None:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            given: LdapConnection | None = await self._timers.wait(waiter, until)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:  # too late: pass it on
                given = waiter.result()
                self._allow_another() if given is None else self._release(given, is_bound=True)
            raise
        return given

    def _release(self, connection: LdapConnection, *, is_bound: bool) -> None:
        """Give a connection to the next that waits."""
        if not connection.is_open:
            self._allow_another()
        elif (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
        else:
            self._free.append(connection)
            if is_bound:
                self._bound[connection] = time.monotonic()
                self._start_unbind_timer()

    def _allow_another(self) -> None:
        """One connection less: let the next that waits open a new one."""
        waiter = self._next_waiter()
        if waiter is None:
            self._count -= 1
        else:
            waiter.set_result(None)

    def _next_waiter(self) -> Waiter | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _start_unbind_timer(self) -> None:
        if self._unbind_timer is None:
            self._unbind_timer = asyncio.get_running_loop().call_later(_UNBIND_AFTER, self._unbind_users)

    def _unbind_users(self) -> None:
        self._unbind_timer = None
        loop = asyncio.get_running_loop()
        latest = time.monotonic() - _UNBIND_AFTER
        for connection in [each for each, since in self._bound.items() if since <= latest]:
            del self._bound[connection]
            self._free.remove(connection)
            task = loop.create_task(self._unbind(connection))
            self._unbinding.add(task)
            task.add_done_callback(self._unbinding.discard)
        if self._bound:
            self._start_unbind_timer()

    async def _unbind(self, connection: LdapConnection) -> None:
        """Bind anonymously. Close the connection if that fails: the user may still be bound."""
        try:
            result = await connection.bind("", b"", time.monotonic() + self._seconds)
            if result.code != SUCCESS:
                connection.end()
        except ServerUnavailable:
            connection.end()
        except BaseException:
            connection.end()
            raise
        finally:
            self._release(connection, is_bound=False)

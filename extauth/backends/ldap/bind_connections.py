"""The connections to one server on which users bind.

A bind replaces the one before it, and after a failed bind the connection is anonymous (RFC 4511, section 4.2.1). So
users are bound one after the other while requests wait. A connection that is not used for a moment gets an anonymous
bind, if a user is bound on it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from functools import partial

from extauth.backends.ldap.connect import Connector
from extauth.backends.ldap.connection import LdapConnection
from extauth.backends.ldap.messages import LdapResult
from extauth.backends.ldap.pending import Outcome, Timers, settle
from extauth.backends.ldap.result_codes import SUCCESS
from extauth.backends.ldap.servers import NoResponse, ServerUnavailable
from extauth.model import Secret

_UNBIND_AFTER = 0.2  # seconds for which a user may stay bound on a connection that is not used


class _WaitingBind:
    """A bind that waits for a connection until some time (monotonic seconds)."""

    __slots__ = ("dn", "future", "password", "until")

    def __init__(self, future: asyncio.Future[LdapResult], dn: str, password: Secret, until: float) -> None:
        self.future = future
        self.dn = dn
        self.password = password
        self.until = until


class BindConnections:
    """Opens at most `limit` connections, with one bind at a time on each."""

    def __init__(self, connector: Connector, timers: Timers, *, limit: int) -> None:
        self._connector = connector
        self._timers = timers
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._count = 0  # with those that are being opened
        self._free: list[LdapConnection] = []  # the last one was used last
        self._bound: dict[LdapConnection, float] = {}  # free ones with a bound user: when they became free
        self._waiting: deque[_WaitingBind] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._unbind_timer: asyncio.TimerHandle | None = None
        self._unbinding: set[LdapConnection] = set()

    def bind(self, dn: str, password: Secret, until: float) -> asyncio.Future[LdapResult]:
        """Bind as a user, when a connection is free. The future fails with ServerUnavailable.

        If the future is cancelled meanwhile, the connection stays in use until the response has come.
        """
        bind = _WaitingBind(asyncio.Future(loop=self._loop), dn, password, until)
        connection = self._take_free()
        if connection is not None:
            self._start(connection, bind)
        else:
            self._waiting.append(bind)
            self._timers.watch(self)
            self._open_another()
        return bind.future

    def check_times(self, now: float) -> bool:
        """End the binds that have waited too long. Return whether others wait."""
        waiting = [bind for bind in self._waiting if not bind.future.done()]
        self._waiting = deque(bind for bind in waiting if bind.until > now)
        for bind in waiting:
            if bind.until <= now:
                bind.future.set_exception(NoResponse())
        return bool(self._waiting)

    def dismiss_waiting(self, problem: ServerUnavailable) -> None:
        """Let all that wait for a connection ask another server."""
        while (bind := self._next_waiting()) is not None:
            bind.future.set_exception(ServerUnavailable(str(problem)))

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
        for connection in list(self._unbinding):
            connection.end()
        for task in self._opening:
            task.cancel()
        if self._unbind_timer is not None:
            self._unbind_timer.cancel()

    def _start(self, connection: LdapConnection, bind: _WaitingBind) -> None:
        on_done = partial(self._on_done, connection, bind.future)
        connection.bind(bind.dn, bind.password.reveal(), bind.until, on_done)

    def _on_done(self, connection: LdapConnection, future: asyncio.Future[LdapResult], outcome: Outcome) -> None:
        settle(future, outcome)
        self._release(connection, is_bound=isinstance(outcome, LdapResult) and outcome.code == SUCCESS)

    def _take_free(self) -> LdapConnection | None:
        while self._free:
            connection = self._free.pop()
            self._bound.pop(connection, None)
            if connection.is_open:
                return connection
            self._count -= 1
        return None

    def _release(self, connection: LdapConnection, *, is_bound: bool) -> None:
        """Use a connection for the next bind that waits."""
        if not connection.is_open:
            self._count -= 1
            if self._waiting:
                self._open_another()
        elif (bind := self._next_waiting()) is not None:
            self._start(connection, bind)
        else:
            self._free.append(connection)
            if is_bound:
                self._bound[connection] = time.monotonic()
                self._start_unbind_timer()

    def _next_waiting(self) -> _WaitingBind | None:
        while self._waiting:
            bind = self._waiting.popleft()
            if not bind.future.done():
                return bind
        return None

    def _open_another(self) -> None:
        if self._count < self._limit:
            self._count += 1
            task = self._loop.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            connection = await self._connector.connect(math.inf)
        except ServerUnavailable as problem:
            self._on_cannot_open(problem)
        except asyncio.CancelledError:  # `close` does it
            self._count -= 1
            raise
        else:
            self._release(connection, is_bound=False)

    def _on_cannot_open(self, problem: ServerUnavailable) -> None:
        """Let the first bind that waits fail, unless there are connections for it: a server may limit their number."""
        has_others = self._count > len(self._opening)
        self._count -= 1
        if not has_others and (bind := self._next_waiting()) is not None:
            bind.future.set_exception(problem)
            if self._waiting:
                self._open_another()

    def _start_unbind_timer(self) -> None:
        if self._unbind_timer is None:
            self._unbind_timer = self._loop.call_later(_UNBIND_AFTER, self._unbind_users)

    def _unbind_users(self) -> None:
        """Bind anonymously on all connections that have not been used for a moment."""
        self._unbind_timer = None
        latest = time.monotonic() - _UNBIND_AFTER
        for connection in [each for each, since in self._bound.items() if since <= latest]:
            del self._bound[connection]
            self._free.remove(connection)
            self._unbinding.add(connection)
            connection.bind("", b"", math.inf, partial(self._on_unbound, connection))
        if self._bound:
            self._start_unbind_timer()

    def _on_unbound(self, connection: LdapConnection, outcome: Outcome) -> None:
        """Close the connection if the anonymous bind failed: the user may still be bound."""
        self._unbinding.discard(connection)
        if not (isinstance(outcome, LdapResult) and outcome.code == SUCCESS):
            connection.end()
        self._release(connection, is_bound=False)

"""One connection to a server: sends requests, and gives each the response with its number.

Times are monotonic seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import errno
import time
from collections.abc import Callable, Iterator
from functools import partial

from extauth.backends.ldap.ber import InvalidResponse, message_size
from extauth.backends.ldap.messages import (
    BIND_RESPONSE,
    EXTENDED_RESPONSE,
    MOST_ENTRIES,
    SEARCH_DONE,
    SEARCH_ENTRY,
    SEARCH_REFERENCE,
    SEARCH_REQUEST,
    LdapEntry,
    LdapResult,
    decode_message,
    encode_bind,
    encode_request,
    encode_start_tls,
)
from extauth.backends.ldap.pending import Outcome, PendingOperation, Timers, random_numbers, settle
from extauth.backends.ldap.result_codes import BUSY, UNAVAILABLE, describe_result
from extauth.backends.ldap.servers import ConnectionBroke, NoResponse, Repeat, ServerUnavailable
from extauth.backends.ldap.sockets import has_unacknowledged_data, set_options

_RECEIVED_AT_ONCE = 1 << 14  # bytes
_NEVER_RECEIVED = (errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE)


class LdapConnection(asyncio.BufferedProtocol):
    """A connection with several searches under way, or one bind. `seconds`: for a response.

    Message numbers are random. So a server cannot respond to a request that it has not seen. `on_forgotten`: called if
    it turns out that the server or the network has forgotten the connection.
    """

    def __init__(self, timers: Timers, seconds: float, on_forgotten: Callable[[], None]) -> None:
        self.is_open = True
        self._timers = timers
        self._seconds = seconds
        self._on_forgotten = on_forgotten
        self._transport: asyncio.Transport
        self._space = bytearray(_RECEIVED_AT_ONCE)
        self._received = b""
        self._unsent: list[bytes] = []
        self._numbers: list[int] = []  # random ones for the next requests
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, PendingOperation] = {}
        self._problem: ServerUnavailable | None = None
        self._has_found = False  # has responded to a search

    @property
    def transport(self) -> asyncio.Transport:
        """The transport below it."""
        return self._transport

    def bind(self, dn: str, password: bytes, until: float, on_done: Callable[[Outcome], None]) -> None:
        """Bind as `dn`, or anonymously if both are empty."""
        number = self._begin(BIND_RESPONSE, until, on_done)
        if number:
            self._transport.write(encode_bind(number, dn, password))

    async def bind_alone(self, dn: str, password: bytes, until: float) -> LdapResult:
        """Do the same, and wait for the result. Raises ServerUnavailable."""
        future: asyncio.Future[LdapResult] = self._loop.create_future()
        self.bind(dn, password, until, partial(settle, future))
        return await future

    def search(self, search: bytes, until: float) -> asyncio.Future[LdapResult]:
        """Send an encoded search. The future fails with ServerUnavailable."""
        future: asyncio.Future[LdapResult] = asyncio.Future(loop=self._loop)
        number = self._begin(SEARCH_DONE, until, partial(settle, future))
        if number:
            self._unsent.append(encode_request(number, SEARCH_REQUEST, search))
            if len(self._unsent) == 1:
                self._loop.call_soon(self._flush)
        return future

    async def request_tls(self, until: float) -> LdapResult:
        """Ask the server to begin TLS. Raises ServerUnavailable."""
        future: asyncio.Future[LdapResult] = self._loop.create_future()
        number = self._begin(EXTENDED_RESPONSE, until, partial(settle, future))
        if number:
            self._transport.write(encode_start_tls(number))
        return await future

    def transport_for_tls(self) -> asyncio.Transport:
        """Return the transport on which TLS begins. Raises ServerUnavailable if the server has already sent more."""
        if self._received:
            self._end_before_request()
        if self._problem is not None:
            raise copy.copy(self._problem)
        return self._transport

    def end(self, problem: ServerUnavailable | None = None) -> None:
        """Close it. Requests under way fail with this problem."""
        if not self.is_open:
            return
        self.is_open = False
        self._problem = problem = problem or ConnectionBroke("the connection was closed")
        self._transport.abort()
        if isinstance(problem, ConnectionBroke) and not problem.received:
            self._on_forgotten()
        while self._pending:
            _, pending = self._pending.popitem()
            pending.on_done(self._problem_of(pending, problem))

    @contextlib.contextmanager
    def ended_on_error(self) -> Iterator[None]:
        """Close it if what follows fails or is cancelled."""
        is_done = False
        try:
            yield
            is_done = True
        finally:
            if not is_done:
                self.end()

    def check_times(self, now: float) -> bool:
        """End the connection if a response is late. A server that leaves one request without it gets no others here."""
        if any(pending.until <= now for pending in self._pending.values()):
            if has_unacknowledged_data(self._transport.get_extra_info("socket")):
                self._end_broken(str(NoResponse()), None)
            self.end(NoResponse())
        return bool(self._pending)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the options of the socket. Called again when TLS has begun."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        set_options(transport.get_extra_info("socket"))

    def get_buffer(self, _: int) -> bytearray:
        """Return where to put received data. With `asyncio.Protocol`, each read would allocate 256 KiB."""
        return self._space

    def buffer_updated(self, size: int) -> None:
        """Take the messages that are complete."""
        data = self._received + self._space[:size]
        start = 0
        try:
            while start < len(data) and self.is_open:
                size = message_size(data, start)
                if not size or start + size > len(data):
                    break
                self._take(data[start : start + size])
                start += size
        except InvalidResponse as error:
            self.end(ServerUnavailable(f"invalid LDAP response: {error}"))
        self._received = data[start:]

    def eof_received(self) -> None:
        """The server has closed the connection."""
        self._end_broken("the server closed the connection", None)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended, by an error or by `end`."""
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        self._end_broken(f"the connection broke: {reason}" if error else "the server closed the connection", error)

    def _begin(self, kind: int, until: float, on_done: Callable[[Outcome], None]) -> int:
        """Return the number of a new request. 0: the connection is closed, and `on_done` was called."""
        if self._received and kind != SEARCH_DONE:
            self._end_before_request()
        if self._problem is not None:
            problem = copy.copy(self._problem)
            if isinstance(problem, ConnectionBroke):
                problem.repeat = Repeat.AT_ONCE
            on_done(problem)
            return 0
        number = 0
        while not number or number in self._pending:
            self._numbers = self._numbers or random_numbers()
            number = self._numbers.pop()
        if not self._pending:
            self._timers.watch(self)
        self._pending[number] = PendingOperation(kind, min(time.monotonic() + self._seconds, until), on_done)
        return number

    def _flush(self) -> None:
        """Send all searches of this round of the loop at once: a system call costs as much as the rest of a search."""
        if self._problem is None:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _take(self, message: bytes) -> None:
        number, kind, content = decode_message(message)
        if number == 0:
            self._end_broken("the server ended the connection", None)
            return
        pending = self._pending.get(number)
        if pending is None:
            raise InvalidResponse("a response without a request")
        if kind in (SEARCH_ENTRY, SEARCH_REFERENCE) and pending.kind == SEARCH_DONE:
            if isinstance(content, LdapEntry) and len(pending.entries) <= MOST_ENTRIES:
                pending.entries.append(content)
            return
        if kind != pending.kind or not isinstance(content, LdapResult):
            raise InvalidResponse(f"a message {kind:#04x} instead of {pending.kind:#04x}")
        del self._pending[number]
        if content.code in (BUSY, UNAVAILABLE):
            pending.on_done(ServerUnavailable(describe_result(content)))
            return
        if kind == SEARCH_DONE:
            self._has_found = True
            content = LdapResult(content.code, content.message, content.policy, tuple(pending.entries))
        pending.on_done(content)

    def _problem_of(self, pending: PendingOperation, problem: ServerUnavailable) -> ServerUnavailable:
        """Return a request's own exception. A search may be repeated; a bind only if the server has not received it."""
        own = copy.copy(problem)
        is_search = pending.kind == SEARCH_DONE
        if isinstance(own, ConnectionBroke) and (is_search or not own.received):
            own.repeat = Repeat.AT_ONCE
        elif isinstance(own, NoResponse) and is_search and self._has_found:
            own.repeat = Repeat.LAST
        return own

    def _end_before_request(self) -> None:
        self.end(ServerUnavailable("invalid LDAP response: a part of a message before the request"))

    def _end_broken(self, reason: str, error: Exception | None) -> None:
        problem = ConnectionBroke(reason)
        never = isinstance(error, OSError) and error.errno in _NEVER_RECEIVED
        problem.received = (
            not never and not self._unsent and not has_unacknowledged_data(self._transport.get_extra_info("socket"))
        )
        self.end(problem)

"""One connection to a server: sends requests, and gives each the response with its number."""

from __future__ import annotations

import asyncio
import copy
import errno
import fcntl
import os
import socket
import ssl
import sys
import termios
import time
from array import array

from extauth.backends.ldap.ber import InvalidResponse, message_size
from extauth.backends.ldap.ldap3_reader import reads_accepted_bind
from extauth.backends.ldap.messages import (
    BIND_RESPONSE,
    EXTENDED_RESPONSE,
    MOST_ENTRIES,
    SEARCH_DONE,
    SEARCH_ENTRY,
    SEARCH_REFERENCE,
    LdapEntry,
    LdapResult,
    Scope,
    decode_message,
    encode_bind,
    encode_search,
    encode_start_tls,
)
from extauth.backends.ldap.servers import ConnectionBroke, NoResponse, ServerUnavailable
from extauth.backends.ldap.timers import Timers, Waiting

_RECEIVED_AT_ONCE = 1 << 14  # bytes
_DAY = 86_400  # seconds
_KEEPALIVE_IDLE = 60  # seconds without traffic after which the system probes a connection
_ACKNOWLEDGE = 2  # seconds in which the other side must acknowledge data; else the connection has broken
_NEVER_RECEIVED = (errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE)


class _Pending:
    """A request that waits for its response."""

    __slots__ = ("entries", "future", "kind")

    def __init__(self, future: asyncio.Future[LdapResult], kind: int) -> None:
        self.future = future
        self.kind = kind
        self.entries: list[LdapEntry] = []


class LdapConnection(asyncio.BufferedProtocol):
    """A connection with several searches under way, or one bind. Times are monotonic seconds.

    Message numbers are random. So a server cannot respond to a request that it has not seen.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._transport: asyncio.Transport
        self._space = bytearray(_RECEIVED_AT_ONCE)
        self._received = bytearray()
        self._unsent: list[bytes] = []
        self._numbers: list[int] = []  # random ones for the next requests
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, _Pending] = {}
        self._problem: ServerUnavailable | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._problem is None

    @property
    def certificate_days(self) -> float | None:
        """In how many days the server's certificate ends; None without TLS, or if certificates are not verified."""
        certificate = self._transport.get_extra_info("peercert")
        if not certificate:
            return None
        return (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY

    def bind(self, dn: str, password: bytes, until: float) -> asyncio.Future[LdapResult]:
        """Bind as `dn`, or anonymously if both are empty. The future fails with ServerUnavailable."""
        number, future = self._begin(BIND_RESPONSE, until)
        if number:
            self._transport.write(encode_bind(number, dn, password))
        return future

    def search(
        self, base: str, scope: Scope, filter: bytes, attributes: bytes, until: float
    ) -> asyncio.Future[LdapResult]:
        """Search for at most MOST_ENTRIES entries. The future fails with ServerUnavailable."""
        number, future = self._begin(SEARCH_DONE, until)
        if number:
            self._unsent.append(encode_search(number, base, scope, filter, attributes))
            if len(self._unsent) == 1:
                self._loop.call_soon(self._flush)
        return future

    def request_tls(self, until: float) -> asyncio.Future[LdapResult]:
        """Ask the server to begin TLS. The future fails with ServerUnavailable."""
        number, future = self._begin(EXTENDED_RESPONSE, until)
        if number:
            self._transport.write(encode_start_tls(number))
        return future

    def transport_for_tls(self) -> asyncio.Transport:
        """Return the transport on which TLS begins. Raises ServerUnavailable if the server has already sent more."""
        if self._received:
            self._end_before_request()
        if self._problem is not None:
            raise copy.copy(self._problem)
        return self._transport

    def end(self, problem: ServerUnavailable | None = None) -> None:
        """Close it. Requests under way fail with this problem."""
        if self._problem is not None:
            return
        self._problem = problem = problem or ConnectionBroke("the connection was closed")
        self._transport.abort()
        for pending in self._pending.values():
            self._timers.stop(pending.future)
            if not pending.future.done():
                pending.future.set_exception(copy.copy(problem))
        self._pending.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the options of the socket. Called again when TLS has begun."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock: socket.socket = transport.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ACKNOWLEDGE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _ACKNOWLEDGE * 1000)

    def get_buffer(self, _: int) -> bytearray:
        """Return where to put received data. With `asyncio.Protocol`, each read would allocate 256 KiB."""
        return self._space

    def buffer_updated(self, size: int) -> None:
        """Take the messages that are complete."""
        data = self._space[:size]
        if self._received:
            self._received += data
            data = self._received
        try:
            rest = self._take_messages(data)
        except InvalidResponse as error:
            self.end(ServerUnavailable(f"invalid LDAP response: {error}"))
        else:
            self._received = rest

    def eof_received(self) -> None:
        """The server has closed the connection."""
        self._end_broken("the server closed the connection", None)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended, by an error or by `end`."""
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        self._end_broken(f"the connection broke: {reason}" if error else "the server closed the connection", error)

    def _begin(self, kind: int, until: float) -> tuple[int, asyncio.Future[LdapResult]]:
        """Return the number of a new request, and the future of its result. 0: the connection is closed."""
        future: asyncio.Future[LdapResult] = self._loop.create_future()
        if kind != SEARCH_DONE and self._received:
            self._end_before_request()
        if self._problem is not None:
            problem = copy.copy(self._problem)
            if isinstance(problem, ConnectionBroke):
                problem.received = False
            future.set_exception(problem)
            return 0, future
        number = 0
        while not number or number in self._pending:
            self._numbers = self._numbers or _random_numbers()
            number = self._numbers.pop()
        self._pending[number] = _Pending(future, kind)
        self._timers.start(future, until, self._on_no_response)
        return number, future

    def _flush(self) -> None:
        """Send all searches of this round of the loop at once: a system call costs as much as the rest of a search."""
        if self._problem is None:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _take_messages(self, data: bytearray) -> bytearray:
        """Take the messages that are complete. Return the rest. Raises InvalidResponse."""
        start = 0
        while (size := message_size(data, start)) and start + size <= len(data) and self._problem is None:
            self._take(bytes(data[start : start + size]))
            start += size
        del data[:start]
        return data

    def _take(self, message: bytes) -> None:
        number, kind, content = decode_message(message)
        if number == 0:
            self._end_broken("the server ended the connection", None)
            return
        pending = self._pending.get(number)
        if pending is None:
            raise InvalidResponse("a response without a request")
        if pending.kind == SEARCH_DONE and kind in (SEARCH_ENTRY, SEARCH_REFERENCE):
            if isinstance(content, LdapEntry) and len(pending.entries) <= MOST_ENTRIES:
                pending.entries.append(content)
            return
        if kind != pending.kind or not isinstance(content, LdapResult):
            raise InvalidResponse(f"a message {kind:#04x} instead of {pending.kind:#04x}")
        if kind == BIND_RESPONSE and content.code == 0 and not reads_accepted_bind(message, number):
            raise InvalidResponse("an accepted bind that ldap3 does not read as one")
        del self._pending[number]
        self._timers.stop(pending.future)
        if pending.entries:
            content = LdapResult(content.code, content.message, content.policy, tuple(pending.entries))
        if not pending.future.done():
            pending.future.set_result(content)

    def _on_no_response(self, _: Waiting) -> None:
        """A server that leaves one request without a response gets no others on this connection."""
        if self._has_unacknowledged_data():
            self._end_broken(str(NoResponse()), None)
        self.end(NoResponse())

    def _end_before_request(self) -> None:
        self.end(ServerUnavailable("invalid LDAP response: a part of a message before the request"))

    def _end_broken(self, reason: str, error: Exception | None) -> None:
        problem = ConnectionBroke(reason)
        never = isinstance(error, OSError) and error.errno in _NEVER_RECEIVED
        problem.received = not never and not self._unsent and not self._has_unacknowledged_data()
        self.end(problem)

    def _has_unacknowledged_data(self) -> bool:
        """Return whether the system still has data to send, or data that the other side never acknowledged."""
        try:
            sock: socket.socket = self._transport.get_extra_info("socket")
            queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        except (OSError, ValueError):
            return False
        return int.from_bytes(queued, sys.byteorder) > 0


def _random_numbers() -> list[int]:
    """Return numbers of 31 bits that nobody can predict."""
    return [number >> 1 for number in array("I", os.urandom(1024))]

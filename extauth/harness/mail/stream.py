"""One connection as a stream: a protocol reads a line, awaits what it takes, replies, and reads the next line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ISSLTransport
from twisted.internet.protocol import Protocol
from zope.interface import implementer

_READ_AHEAD = 65_536  # bytes; reading stops when twice as many wait
_CLOSING_TIME = 30.0  # seconds in which the client must take the last replies
_TURN = 0.01  # seconds that one connection may run before the others have their turn


class LineTooLong(Exception):
    """A line has more bytes than the protocol allows. The stream has skipped it. The next line can be read."""


class PlainTextAfterStartTls(Exception):
    """The client sent plain text after the command that starts TLS. Close the connection, do not interpret this text.

    It may come from an attacker (RFC 3207, section 4.2; RFC 2595, sections 2.4 and 4).
    """


@implementer(IHalfCloseableProtocol, IPushProducer)
class Stream(Protocol):
    """A connection that `serve` serves. The end of `serve` closes it.

    reader: the bytes from the client; TLS replaces it
    idle_timeout: seconds to wait for the client, in each call of `read_line` and `read_exactly`
    tls: the argument for twisted's `startTLS`; set it before `start_tls`
    line_end: the end of the last line, CRLF or LF

    twisted sets the other public method names that are not in snake case.
    """

    transport: Any
    reader: asyncio.StreamReader
    tls: Any = None
    line_end = b""
    idle_timeout = 300.0

    def __init__(self, serve: Callable[[Stream], Awaitable[None]]) -> None:
        self._serve = serve
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = False
        self._turn_began = 0.0
        self._when_lost: Callable[[], None] = lambda: None
        self._closing: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None]

    def call_when_lost(self, when_lost: Callable[[], None]) -> None:
        """Call `when_lost` when the connection is closed."""
        self._when_lost = when_lost

    @property
    def local_address(self) -> str:
        """The address that the client has connected to."""
        return str(self.transport.getHost().host)

    @property
    def peer_address(self) -> str:
        """The address of the client."""
        return str(self.transport.getPeer().host)

    @property
    def over_tls(self) -> bool:
        """True if the connection uses TLS now."""
        return bool(ISSLTransport.providedBy(self.transport))

    @property
    def takes_replies(self) -> bool:
        """True if the client has taken most of what was sent."""
        return self._writable.is_set()

    async def read_line(self, limit: int) -> bytes:
        """Return the next line without its end, CRLF or LF. Before that, wait until the client has taken the replies.

        Raises LineTooLong if it has more than `limit` bytes, EOFError at the end of the input, TimeoutError. The end
        of the input is no end of a line, because the rest of that line may be lost.
        """
        line, too_long = b"", False
        async with asyncio.timeout(self.idle_timeout):
            await self._writable.wait()
            await self.give_way()
            while not line.endswith(b"\n"):
                try:
                    line += await self.reader.readuntil(b"\n")
                except asyncio.LimitOverrunError as overrun:
                    line += await self.reader.readexactly(overrun.consumed)
                except asyncio.IncompleteReadError as end:
                    if too_long or len(line) + len(end.partial) > limit:
                        raise LineTooLong from None
                    raise
                if len(line) > limit + 2:
                    line, too_long = line[-2:], True
        self.line_end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
        line = line.removesuffix(self.line_end)
        if too_long or len(line) > limit:
            raise LineTooLong
        return line

    async def read_exactly(self, count: int) -> bytes:
        """Return the next `count` bytes. Raises EOFError if the input ends before that, TimeoutError."""
        async with asyncio.timeout(self.idle_timeout):
            await self._writable.wait()
            return await self.reader.readexactly(count)

    def write(self, data: bytes) -> None:
        """Send data. It waits in memory until the client takes it."""
        self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has taken most of what was sent. Let other connections run.

        Call it within long replies. Raises EOFError if the connection is closed, TimeoutError.
        """
        if not self.takes_replies:
            async with asyncio.timeout(self.idle_timeout):
                await self._writable.wait()
        if self._lost:
            raise EOFError
        await self.give_way()

    async def give_way(self) -> None:
        """Let other connections run, if this one has run for long. Call it between the pieces of long work."""
        if time.monotonic() - self._turn_began > _TURN:
            await asyncio.sleep(0)
            self._turn_began = time.monotonic()

    async def start_tls(self) -> None:
        """Start TLS. Raises PlainTextAfterStartTls if the client has sent more than the command before it, EOFError."""
        before, self.reader = self.reader, self._new_reader()
        before.feed_eof()
        if await before.read():
            raise PlainTextAfterStartTls
        if self._lost:
            raise EOFError
        self.transport.startTLS(self.tls)

    def close(self) -> None:
        """Close the connection when everything is sent, or after 30 seconds."""
        if not self._lost:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            self._closing = asyncio.get_running_loop().call_later(_CLOSING_TIME, self.abort)

    def abort(self) -> None:
        """Close the connection at once. What is not sent yet is lost."""
        if not self._lost:
            self.transport.abortConnection()

    def connectionMade(self) -> None:
        """Begin to serve."""
        self.reader = self._new_reader()
        self.transport.registerProducer(self, True)
        self._task = asyncio.get_running_loop().create_task(self._run())

    def dataReceived(self, data: bytes) -> None:
        """Take data from the client."""
        self.reader.feed_data(data)

    def readConnectionLost(self) -> None:
        """The client has closed its sending half. It still gets the replies to what it has sent."""
        self.reader.feed_eof()

    def writeConnectionLost(self) -> None:
        """The client takes no more data."""
        self._writable.set()

    def connectionLost(self, reason: Any = None) -> None:
        """The connection is closed."""
        self._lost = True
        self._when_lost()
        if self._closing is not None:
            self._closing.cancel()
        self.reader.feed_eof()
        self._writable.set()

    def pauseProducing(self) -> None:
        """Many bytes wait for the client: send no more."""
        self._writable.clear()

    def resumeProducing(self) -> None:
        """The client has taken them."""
        self._writable.set()

    def stopProducing(self) -> None:
        """The client takes no more data."""
        self._writable.set()

    async def _run(self) -> None:
        try:
            await self._serve(self)
        finally:
            self.close()

    def _new_reader(self) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=_READ_AHEAD)
        transport: Any = _FlowControl(self)
        reader.set_transport(transport)
        return reader


class _FlowControl:
    """Lets a reader of asyncio pause a connection of twisted. asyncio sets the method names."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def pause_reading(self) -> None:
        self._stream.transport.pauseProducing()

    def resume_reading(self) -> None:
        self._stream.transport.resumeProducing()

"""One connection to a mail server, by IMAP, POP3 or PWD: TLS, lines, and limits on what the server may send.

Nothing that the server has sent before TLS counts after it.
"""

from __future__ import annotations

import asyncio
import ssl

from extauth.backends.network import ServerAddress, reason_of
from extauth.errors import BackendUnavailable

MAX_LINE = 8_192
"""Bytes of a line by default. RFC 2683, section 3.2.1.5, asks IMAP clients to take 8,000; POP3 has at most 512."""

MAX_LINES = 100
"""Lines of a server in one connection by default. A login needs about ten."""

_NEXT_ADDRESS = 0.25  # seconds after which the next address of a name is tried as well
_TLS_END = 1.0  # seconds for the server to end TLS, after a login
_SHOWN = 200  # bytes of a line in an error


class MailConnection:
    """An open connection. All methods raise BackendUnavailable if it breaks, and OSError never.

    `context`: how to use TLS. `max_line`: bytes of a line of the server. `max_lines`: how many it may send; None: any
    number. No error shows what was sent.
    """

    def __init__(
        self,
        server: ServerAddress,
        context: ssl.SSLContext | None,
        *,
        max_line: int = MAX_LINE,
        max_lines: int | None = MAX_LINES,
    ) -> None:
        self._server = server
        self._context = context
        self._max_line = max_line
        self._max_lines = max_lines
        self._reader: asyncio.StreamReader
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._lines = 0

    @property
    def transport(self) -> asyncio.Transport:
        """The transport below it."""
        assert self._transport is not None, "open() was not called"
        return self._transport

    async def open(self) -> None:
        """Connect, with TLS if the URL says so."""
        loop = asyncio.get_running_loop()
        reader, protocol = _stream()
        try:
            self._transport, _ = await loop.create_connection(
                lambda: protocol,
                self._server.host,
                self._server.port,
                ssl=self._context if self._server.tls else None,
                ssl_shutdown_timeout=_TLS_END if self._server.tls else None,
                happy_eyeballs_delay=_NEXT_ADDRESS,
            )
        except OSError as error:
            raise BackendUnavailable(reason_of(error)) from None
        self._reader = reader

    async def start_tls(self) -> None:
        """Begin TLS. The server has just agreed. More than that it must not have sent."""
        if self._received:
            raise BackendUnavailable("invalid answer: the server has sent data before TLS began")
        assert self._context is not None  # the settings have asked for TLS
        reader, protocol = _stream()
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(
                self.transport,
                protocol,
                self._context,
                server_hostname=self._server.host,
                ssl_shutdown_timeout=_TLS_END,
            )
        except OSError as error:
            raise BackendUnavailable(reason_of(error)) from None
        if secure is None:
            raise BackendUnavailable("the server closed the connection")
        protocol.connection_made(secure)
        self._transport, self._reader = secure, reader  # what the old reader has got is dropped

    def send(self, line: bytes) -> None:
        """Send a line. It must hold no line end of its own."""
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise ValueError("a line end or a NUL in a line")  # a bug: it could be a second command
        self.transport.write(line + b"\r\n")

    def send_literal(self, data: bytes, rest: bytes) -> None:
        """Send bytes whose number the server knows, and the rest of the line."""
        self.transport.write(data)
        self.send(rest)

    async def line(self) -> bytes:
        """Return the next line without its end."""
        while b"\n" not in self._received:
            if len(self._received) > self._max_line:
                break
            try:
                data = await self._reader.read(MAX_LINE)
            except OSError as error:
                raise BackendUnavailable(f"the connection broke: {reason_of(error)}") from None
            if not data:
                raise BackendUnavailable("the server closed the connection")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        self._lines += 1
        if len(line) > self._max_line:
            raise BackendUnavailable(f"invalid answer: a line of more than {self._max_line} bytes")
        if self._max_lines is not None and self._lines > self._max_lines:
            raise BackendUnavailable(f"invalid answer: more than {self._max_lines} lines")
        return line.removesuffix(b"\r")

    def has_received(self) -> bool:
        """Return whether the server has sent more than was read."""
        return bool(self._received)

    async def is_silent(self) -> bool:
        """Return whether it is open and nothing has come that was not read."""
        if self._received or self.transport.is_closing():
            return False
        for _ in range(2):
            await asyncio.sleep(0)  # the loop looks at the socket, and then takes what has come
        try:
            async with asyncio.timeout(0):
                await self._reader.read(1)
        except TimeoutError:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close it when all is sent."""
        self.transport.close()

    def abort(self) -> None:
        """Close it at once, if it is open."""
        if self._transport is not None:
            self._transport.abort()


def shown(line: bytes) -> str:
    """Return a line of the server for an error. Only for lines that came before a password was sent."""
    text = line[:_SHOWN].decode(errors="replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _stream() -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(MAX_LINE, loop)
    return reader, asyncio.StreamReaderProtocol(reader, loop=loop)

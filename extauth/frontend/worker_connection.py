"""The connection to a worker: a socket that is read and written without waiting."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from extauth.frontend.children import forget_in_children
from extauth.frontend.descriptors import READ, WRITE, Poller
from extauth.workers.messages import FromWorker, InvalidMessage, MessageReader, receive

_PART = 65_536  # bytes that are written at once


class WorkerConnection:
    """Sends messages to a worker, and passes on those that come.

    `on_end(is_valid)`: no more can come, because the worker has closed its socket, or has sent an invalid message.
    """

    def __init__(
        self,
        sock: socket.socket,
        poller: Poller,
        on_message: Callable[[FromWorker], None],
        on_end: Callable[[bool], None],
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._poller = poller
        self._on_message = on_message
        self._on_end = on_end
        self.forget()
        self._poller.register(sock.fileno(), READ, self._on_events)
        forget_in_children(self)

    def forget(self) -> None:
        """Release what has not been sent, and the part of a message that has come."""
        self._reader: MessageReader[FromWorker] = MessageReader(FromWorker)  # type: ignore[arg-type]  # a union
        self._output = bytearray()

    def send(self, message: bytes) -> None:
        """Send an encoded message, now or as soon as the worker reads."""
        self._output += message
        self._write()

    def read_rest(self) -> None:
        """Take the messages that a worker sent before it ended."""
        while self._socket.fileno() >= 0 and self._read():
            pass

    def close(self) -> None:
        """Close the socket, if it is open: then the worker ends."""
        if self._socket.fileno() >= 0:
            self._poller.unregister(self._socket.fileno())
            self._socket.close()

    def _on_events(self, events: int) -> None:
        if events & WRITE:
            self._write()
        if events & ~WRITE:
            self._read()

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                while self._output:
                    sent = self._socket.send(memoryview(self._output)[:_PART])
                    del self._output[:sent]
            except (BrokenPipeError, ConnectionResetError):
                self._output.clear()  # the end is noticed when this process reads
        self._poller.register(self._socket.fileno(), READ | WRITE if self._output else READ, self._on_events)

    def _read(self) -> bool:
        """Take messages. Return False if there are none, or no more can come."""
        is_valid = True
        try:
            messages = receive(self._socket, self._reader)
        except InvalidMessage:
            messages, is_valid = None, False
        if messages is None:
            self._on_end(is_valid)
            self.close()
            return False
        for message in messages:
            self._on_message(message)
        return bool(messages)

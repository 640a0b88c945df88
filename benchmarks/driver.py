"""Send a program many requests, and check its replies.

The requests are formatted before the clock starts. The replies are parsed after it has stopped, and only counted
while it runs. One loop writes and reads. It limits how many requests are under way.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import math
import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.workloads import Login

REPLY_TIMEOUT = 20.0
"""Seconds without any reply, after which the open requests count as missing."""

_LARGE = 262_144  # bytes in one read


@dataclass(frozen=True, slots=True)
class Reply:
    """Whether a password was accepted, and the number of the request. None: it is the reply to the next one."""

    number: int | None
    accepted: bool


class Dialect(Protocol):
    """The form of requests and replies."""

    @property
    def information_prefix(self) -> bytes | None:
        """The prefix of lines that are no replies."""
        ...

    def request(self, number: int, login: Login) -> bytes:
        """Return the request of a login. Numbers count from 1."""
        ...

    def parse_reply(self, line: bytes) -> Reply | None:
        """Parse a line. Return None if it is no valid reply."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """The first `sent` requests were sent, and `lines` came back within `seconds`.

    `driver` is the CPU time of the driver in seconds.
    """

    sent: int
    lines: list[bytes]
    seconds: float
    driver: float


@dataclass(frozen=True, slots=True)
class Checked:
    """The number of replies that were right, wrong (OK or not by mistake), missing, or invalid."""

    right: int = 0
    wrong: int = 0
    missing: int = 0
    invalid: int = 0

    @property
    def faults(self) -> int:
        """The number of replies that are not right."""
        return self.wrong + self.missing + self.invalid


def check(dialect: Dialect, logins: Sequence[Login], exchange: Exchange, before: int = 0) -> Checked:
    """Check the replies. The first `before` requests were not sent, or were sent after all the others."""
    numbers = [*range(before + 1, len(logins) + 1), *range(1, before + 1)][: exchange.sent]
    open_numbers = set(numbers)
    in_order = iter(numbers)
    right = wrong = invalid = 0
    for line in exchange.lines:
        if dialect.information_prefix is not None and line.startswith(dialect.information_prefix):
            continue
        reply = dialect.parse_reply(line)
        number = 0 if reply is None else reply.number or next(in_order, 0)
        if reply is None or number not in open_numbers:
            invalid += 1
            continue
        open_numbers.remove(number)
        if reply.accepted == logins[number - 1].right:
            right += 1
        else:
            wrong += 1
    return Checked(right, wrong, len(open_numbers), invalid)


class Stream:
    """A program that reads and writes lines, over pipes or one socket."""

    def __init__(self, reader: int, writer: int, information_prefix: bytes | None = None) -> None:
        self._reader, self._writer = reader, writer
        self._information_prefix = information_prefix

    def exchange(
        self, requests: Sequence[bytes], under_way: int, seconds: float = math.inf, timeout: float = REPLY_TIMEOUT
    ) -> Exchange:
        """Send these requests, or as many as possible in this time, and wait for the last reply."""
        data, ends = memoryview(b"".join(requests)), list(itertools.accumulate(map(len, requests)))
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        poll, blocked = select.poll(), False
        self._register(poll, to_write=blocked)
        to_send, replies, position = len(requests), 0, 0
        chunks: list[bytes] = []
        rest = b""
        cpu, began = time.process_time(), time.perf_counter()
        while replies < to_send:
            allowed = ends[min(to_send, replies + under_way) - 1]
            if position < allowed:
                with contextlib.suppress(BlockingIOError, BrokenPipeError):  # the next read sees the end
                    position += os.write(self._writer, data[position : min(allowed, position + _LARGE)])
            if blocked != (position < allowed):
                blocked = not blocked
                self._register(poll, to_write=blocked)
            if not poll.poll(timeout * 1000):
                break
            try:
                chunk = os.read(self._reader, _LARGE)
            except BlockingIOError:
                continue
            if not chunk:
                break
            chunks.append(chunk)
            complete, end, rest = (rest + chunk).rpartition(b"\n")
            replies += self._count_replies(complete + end)
            if to_send == len(requests) and time.perf_counter() - began >= seconds:
                to_send = min(to_send, bisect.bisect_left(ends, position) + 1)  # those that are sent, or sent in part
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        return Exchange(to_send, b"".join(chunks).splitlines(), took, cpu)

    def send(self, requests: Sequence[bytes]) -> None:
        """Send these requests without waiting for replies."""
        os.set_blocking(self._writer, True)
        with open(self._writer, "wb", closefd=False) as writer:
            writer.writelines(requests)

    def one_by_one(self, requests: Sequence[bytes], seconds: float) -> Iterator[float]:
        """Send one request after another, for this time at most. Yield how many seconds each reply took.

        Replies begin with the number of the request. Other requests may be under way.
        """
        os.set_blocking(self._reader, True)
        os.set_blocking(self._writer, True)
        until = time.perf_counter() + seconds
        for request in requests:
            awaited = b"\n" + request.split(b" ", 1)[0] + b" "
            began = time.perf_counter()
            os.write(self._writer, request)
            seen = b"\n" + os.read(self._reader, _LARGE)
            while awaited not in seen or not seen.endswith(b"\n"):
                chunk = os.read(self._reader, _LARGE)
                if not chunk:
                    raise EOFError("the program has ended")
                seen += chunk
            now = time.perf_counter()
            yield now - began
            if now >= until:
                return

    def _register(self, poll: select.poll, *, to_write: bool) -> None:
        poll.register(self._writer, select.POLLOUT)
        if not to_write:
            poll.unregister(self._writer)
        both = to_write and self._reader == self._writer
        poll.register(self._reader, select.POLLIN | (select.POLLOUT if both else 0))

    def _count_replies(self, lines: bytes) -> int:
        count = lines.count(b"\n")
        if self._information_prefix is not None:
            count -= (b"\n" + lines).count(b"\n" + self._information_prefix)
        return count


class Connections:
    """A program at a Unix socket that needs a connection for each request. Its replies begin with a 2-byte length.

    `Exchange.lines` holds each reply behind the number of its request.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def exchange(
        self, requests: Sequence[bytes], under_way: int, seconds: float = math.inf, timeout: float = REPLY_TIMEOUT
    ) -> Exchange:
        """Send these requests, or as many as possible in this time, and wait for the last reply."""
        poll = select.poll()
        open_ones: dict[int, tuple[int, socket.socket]] = {}
        replies: list[tuple[int, bytes]] = []
        to_send, sent = len(requests), 0
        cpu, began = time.process_time(), time.perf_counter()
        while len(replies) < to_send:
            while sent < to_send and len(open_ones) < under_way:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(self._path)
                connection.sendall(requests[sent])
                sent += 1
                open_ones[connection.fileno()] = sent, connection
                poll.register(connection, select.POLLIN)
            ready = poll.poll(timeout * 1000)
            if not ready:
                break
            for descriptor, _ in ready:
                number, connection = open_ones.pop(descriptor)
                replies.append((number, _read_reply(connection)))
                poll.unregister(descriptor)
                connection.close()
            if to_send == len(requests) and time.perf_counter() - began >= seconds:
                to_send = sent
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        for _, connection in open_ones.values():
            connection.close()
        return Exchange(to_send, [b"%d %b" % reply for reply in replies], took, cpu)


def _read_reply(connection: socket.socket) -> bytes:
    """Return the bytes after the length. They are incomplete if the connection ends early."""
    data = b""
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2]):
        chunk = connection.recv(1024)
        if not chunk:
            break
        data += chunk
    return data[2:]

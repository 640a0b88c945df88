"""Asks a program many requests, and checks its answers.

The requests are written down before the clock starts, and the answers are looked at after it has stopped: while it
runs they are only counted. One loop writes and reads, with so many requests under way at most.
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

PATIENCE = 20.0
"""Seconds without any answer, after which those that are due are missing."""

_LARGE = 262_144  # bytes that are read at once


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a password was accepted, and which request that answers: None is the next one in order."""

    number: int | None
    accepted: bool


class Dialect(Protocol):
    """What a request and an answer look like."""

    @property
    def information(self) -> bytes | None:
        """What lines begin with that answer nothing."""
        ...

    def request(self, number: int, login: Login) -> bytes:
        """A request, with its number, which counts from 1."""
        ...

    def answer(self, line: bytes) -> Answer | None:
        """What a line says; None where it is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """The first `asked` of the requests were sent, and `lines` came back until `seconds` were over.

    `driver` is the CPU time in seconds that asking took by itself.
    """

    asked: int
    lines: list[bytes]
    seconds: float
    driver: float


@dataclass(frozen=True, slots=True)
class Checked:
    """How many answers were right, wrong (accepted or refused by mistake), missing, and no answer to anything."""

    right: int = 0
    wrong: int = 0
    missing: int = 0
    strange: int = 0

    @property
    def faults(self) -> int:
        """How many of them are not as they should be."""
        return self.wrong + self.missing + self.strange


def check(dialect: Dialect, logins: Sequence[Login], exchange: Exchange, before: int = 0) -> Checked:
    """Compare the answers with what is right. The first `before` were not asked, or only after all the others."""
    numbers = [*range(before + 1, len(logins) + 1), *range(1, before + 1)][: exchange.asked]
    open_numbers = set(numbers)
    in_order = iter(numbers)
    right = wrong = strange = 0
    for line in exchange.lines:
        if dialect.information is not None and line.startswith(dialect.information):
            continue
        answer = dialect.answer(line)
        number = 0 if answer is None else answer.number or next(in_order, 0)
        if answer is None or number not in open_numbers:
            strange += 1
            continue
        open_numbers.remove(number)
        if answer.accepted == logins[number - 1].right:
            right += 1
        else:
            wrong += 1
    return Checked(right, wrong, len(open_numbers), strange)


class Stream:
    """A program that is asked in lines, over pipes or one socket."""

    def __init__(self, reader: int, writer: int, information: bytes | None = None) -> None:
        self._reader, self._writer = reader, writer
        self._information = information

    def exchange(
        self, requests: Sequence[bytes], under_way: int, seconds: float = math.inf, patience: float = PATIENCE
    ) -> Exchange:
        """Ask these requests, or as many as can be in this time, and wait for the last answer."""
        data, ends = memoryview(b"".join(requests)), list(itertools.accumulate(map(len, requests)))
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        poll, blocked = select.poll(), False
        self._await(poll, to_write=blocked)
        asked, answered, position = len(requests), 0, 0
        chunks: list[bytes] = []
        rest = b""
        cpu, began = time.process_time(), time.perf_counter()
        while answered < asked:
            allowed = ends[min(asked, answered + under_way) - 1]
            if position < allowed:
                with contextlib.suppress(BlockingIOError, BrokenPipeError):  # the end is seen when reading
                    position += os.write(self._writer, data[position : min(allowed, position + _LARGE)])
            if blocked != (position < allowed):
                blocked = not blocked
                self._await(poll, to_write=blocked)
            if not poll.poll(patience * 1000):
                break
            try:
                chunk = os.read(self._reader, _LARGE)
            except BlockingIOError:
                continue
            if not chunk:
                break
            chunks.append(chunk)
            complete, end, rest = (rest + chunk).rpartition(b"\n")
            answered += self._answers(complete + end)
            if asked == len(requests) and time.perf_counter() - began >= seconds:
                asked = min(asked, bisect.bisect_left(ends, position) + 1)  # those that have been begun
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        return Exchange(asked, b"".join(chunks).splitlines(), took, cpu)

    def send(self, requests: Sequence[bytes]) -> None:
        """Send these requests, and wait for no answer."""
        os.set_blocking(self._writer, True)
        with open(self._writer, "wb", closefd=False) as writer:
            writer.writelines(requests)

    def one_by_one(self, requests: Sequence[bytes], seconds: float) -> Iterator[float]:
        """Ask one request after another, for so long at most: after how many seconds each answer came.

        Answers begin with the number of the request. Others may be under way.
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

    def _await(self, poll: select.poll, *, to_write: bool) -> None:
        poll.register(self._writer, select.POLLOUT)
        if not to_write:
            poll.unregister(self._writer)
        both = to_write and self._reader == self._writer
        poll.register(self._reader, select.POLLIN | (select.POLLOUT if both else 0))

    def _answers(self, lines: bytes) -> int:
        count = lines.count(b"\n")
        if self._information is not None:
            count -= (b"\n" + lines).count(b"\n" + self._information)
        return count


class Connections:
    """A program that wants a connection for each request, at a unix socket; answers carry a length in two bytes.

    What comes back is given the request's number, as other programs do.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def exchange(
        self, requests: Sequence[bytes], under_way: int, seconds: float = math.inf, patience: float = PATIENCE
    ) -> Exchange:
        """Ask these requests, or as many as can be in this time, and wait for the last answer."""
        poll = select.poll()
        open_ones: dict[int, tuple[int, socket.socket]] = {}
        answers: list[tuple[int, bytes]] = []
        asked, sent = len(requests), 0
        cpu, began = time.process_time(), time.perf_counter()
        while len(answers) < asked:
            while sent < asked and len(open_ones) < under_way:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(self._path)
                connection.sendall(requests[sent])
                sent += 1
                open_ones[connection.fileno()] = sent, connection
                poll.register(connection, select.POLLIN)
            ready = poll.poll(patience * 1000)
            if not ready:
                break
            for descriptor, _ in ready:
                number, connection = open_ones.pop(descriptor)
                answers.append((number, _counted(connection)))
                poll.unregister(descriptor)
                connection.close()
            if asked == len(requests) and time.perf_counter() - began >= seconds:
                asked = sent
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        for _, connection in open_ones.values():
            connection.close()
        return Exchange(asked, [b"%d %b" % answer for answer in answers], took, cpu)


def _counted(connection: socket.socket) -> bytes:
    """What comes behind its length, or what there is of it."""
    data = b""
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2]):
        chunk = connection.recv(1024)
        if not chunk:
            break
        data += chunk
    return data[2:]

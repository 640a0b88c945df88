"""Messages over a socket between the front process, keepers and workers: MessagePack with a length before it."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from extauth.log_levels import Level
from extauth.model import Request, Result
from extauth.trust import Signature


class RequestBatch(msgspec.Struct, frozen=True, array_like=True):
    """Front to worker: questions, and the key of each, to be answered before `deadline` (monotonic seconds)."""

    deadline: float
    keys: list[int]
    questions: list[Request]

    def part(self, start: int, end: int) -> RequestBatch:
        """The questions from one to before another, counted from 0."""
        return RequestBatch(self.deadline, self.keys[start:end], self.questions[start:end])


class Answers(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Worker to front: decisions, each with the keys of the questions that it is the answer to.

    `quick`: none of them was worth a thread.
    """

    decisions: list[tuple[Result, list[int]]]
    quick: bool


class LogRecord(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Worker or keeper to front: something for the log."""

    level: Level
    text: str


class Loaded(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Supervisor to front: the chain is loaded; what it has seen of which files, and who serves what."""

    seen: list[tuple[bytes, Signature | None]]
    summary: str


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Supervisor to front: this configuration cannot be served, and why."""

    reason: str


class Changed(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Supervisor to front: files that the chain was loaded from are not what they were."""

    paths: list[str]


class Started(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Supervisor to front: a worker has been forked."""

    worker: int


class Ended(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Supervisor to front: a worker is dead and buried, and how it died."""

    worker: int
    how: str


class Hangs(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Worker to front: every thread of a backend hangs; another worker would have fresh ones."""

    backend: str


class Command(msgspec.Struct, frozen=True, array_like=True):
    """Front to keeper: fork a worker (the descriptor of its socket comes along), or kill one."""

    kill: bool
    worker: int


FromWorker = Answers | LogRecord | Hangs
FromSupervisor = LogRecord | Loaded | Refused | Started | Ended | Changed

_LENGTH = struct.Struct("!I")
_MAX_MESSAGE = 2**28
_encoder = msgspec.msgpack.Encoder()

M = TypeVar("M")


def encode(message: msgspec.Struct) -> bytes:
    """The message as it travels."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class InvalidMessage(Exception):
    """What arrives is no message: somebody else writes to the socket."""


class MessageReader(Generic[M]):
    """Puts messages of one type together from what arrives."""

    def __init__(self, kind: type[M]) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._data = bytearray()

    def feed(self, data: bytes) -> list[M]:
        """The messages that `data` completes. Raises InvalidMessage."""
        self._data += data
        messages, start = [], 0
        while len(self._data) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data, start)
            if length > _MAX_MESSAGE:
                raise InvalidMessage
            end = start + _LENGTH.size + length
            if len(self._data) < end:
                break
            try:
                messages.append(self._decoder.decode(bytes(self._data[start + _LENGTH.size : end])))
            except msgspec.MsgspecError:
                raise InvalidMessage from None
            start = end
        del self._data[:start]
        return messages


CHUNK = 65_536
"""Bytes to read at once."""


def receive(sock: socket.socket, inbox: MessageReader[M], flags: int = 0) -> list[M] | None:
    """Wait for something to arrive: the messages it completes, or None at the end. Raises InvalidMessage."""
    try:
        data = sock.recv(CHUNK, flags)
    except ConnectionResetError:
        return None
    except BlockingIOError:
        return []
    return inbox.feed(data) if data else None


def seen_on_the_way(seen: dict[Path, Signature | None]) -> list[tuple[bytes, Signature | None]]:
    """Paths as they travel: their names may be no UTF-8."""
    return [(os.fsencode(path), signature) for path, signature in seen.items()]


def seen_on_arrival(seen: list[tuple[bytes, Signature | None]]) -> dict[Path, Signature | None]:
    """The same after the journey."""
    return {Path(os.fsdecode(path)): signature for path, signature in seen}

"""Messages between the frontend, supervisors and workers, over sockets: MessagePack with a length before it."""

# Without "from __future__ import annotations": msgspec would compile each annotation, which delays the first reply.

import functools
import os
import socket
import struct
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from extauth.backends.file_history import FileContents
from extauth.log_levels import Level
from extauth.model import Request, Result, Step
from extauth.workers.frontend_config import FrontendConfig


class RequestBatch(msgspec.Struct, frozen=True, array_like=True):
    """Requests with their keys, and the deadline for their results (monotonic seconds).

    On the way to a worker, and in it, a request's key is its slot in the worker's CallMarks.
    """

    deadline: float
    keys: list[int]
    requests: list[Request]

    def part(self, start: int, end: int) -> "RequestBatch":
        """Return the requests from index `start` to before index `end`."""
        return RequestBatch(self.deadline, self.keys[start:end], self.requests[start:end])


KeyedResult = tuple[Result, list[int]]
"""A result, and the keys of the requests that have it."""


class Results(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Worker to frontend: results. `fast`: none of them needed a thread."""

    results: list[KeyedResult]
    fast: bool


class LogMessage(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Worker or supervisor to frontend: a record for the log."""

    level: Level
    text: str


class ConfigRead(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Supervisor to frontend: the configuration is valid, and its file had this content. The backends load next."""

    config: FrontendConfig
    content: bytes


class GenerationLoaded(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Supervisor to frontend: the chain is loaded; which files it has read, and which backend serves which domains.

    `contents`: what was found in files of accounts. `damaged`: a text for each file whose accounts are suspended.
    """

    files: list[Path]
    summary: str
    contents: list[FileContents]
    damaged: list[str]


class GenerationRefused(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Supervisor to frontend: this configuration cannot be served, and why."""

    reason: str


class FilesChanged(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """File watcher to supervisor to frontend: files that the generation was loaded from have changed."""

    paths: list[str]


class WorkerStarted(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Supervisor to frontend: a worker has been forked, and has this process id."""

    worker: int
    process: int


class WorkerEnded(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Supervisor to frontend: a worker has ended and has been reaped; how it ended."""

    worker: int
    how: str


class WorkerReady(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Worker to frontend: it takes requests."""


class RequestsRevoked(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """Worker to frontend: these requests were revoked, and no backend was called for them. The slots are free."""

    slots: list[int]


class StepsSoFar(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """Worker to frontend: what backends have said so far about a request whose deadline is near."""

    slot: int
    steps: tuple[Step, ...]


class BackendHangs(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Worker to frontend: a backend hangs and can have no more threads here. A new worker would have new threads."""

    backend: str
    why: str


class WorkerCommand(msgspec.Struct, frozen=True, array_like=True):
    """Frontend to supervisor: fork a worker (two descriptors come along: its socket, its CallMarks), or kill one."""

    kill: bool
    worker: int


FromWorker = Results | LogMessage | WorkerReady | RequestsRevoked | StepsSoFar | BackendHangs
FromSupervisor = (
    LogMessage | ConfigRead | GenerationLoaded | GenerationRefused | WorkerStarted | WorkerEnded | FilesChanged
)

_LENGTH = struct.Struct("!I")
_MAX_MESSAGE = 2**28  # bytes

M = TypeVar("M")


def _path_to_bytes(path: object) -> bytes:
    if isinstance(path, Path):
        return os.fsencode(path)  # a name need not be UTF-8
    raise TypeError


def _bytes_to_path(kind: type, value: bytes) -> Path:
    return Path(os.fsdecode(value))


_encoder = msgspec.msgpack.Encoder(enc_hook=_path_to_bytes)


def encode(message: msgspec.Struct) -> bytes:
    """Return the message as bytes, its length included."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class InvalidMessage(Exception):
    """The bytes that came are not a message: foreign code has written to the socket."""


@functools.cache
def _decoder(kind: type[M]) -> msgspec.msgpack.Decoder[M]:
    """Return the decoder of a type. There are several readers of one type, and making a decoder takes 1 ms."""
    return msgspec.msgpack.Decoder(kind, dec_hook=_bytes_to_path)


class MessageReader(Generic[M]):
    """Turns bytes into messages of one type."""

    def __init__(self, kind: type[M]) -> None:
        self._decoder = _decoder(kind)  # type: ignore[arg-type]  # mypy takes type[M] for unhashable
        self._data = bytearray()

    def feed(self, data: bytes) -> list[M]:
        """Return the messages that `data` completes. Raise InvalidMessage."""
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
"""Bytes to read in one call."""


def receive(sock: socket.socket, reader: MessageReader[M], flags: int = 0) -> list[M] | None:
    """Wait for bytes. Return the messages that they complete, or None at the end. Raise InvalidMessage."""
    try:
        data = sock.recv(CHUNK, flags)
    except ConnectionResetError:
        return None
    except BlockingIOError:
        return []
    return reader.feed(data) if data else None

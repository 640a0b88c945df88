"""The failure counter: a process that counts wrong passwords in a Redis or Valkey server that several helpers share.

It may wait for the network, and the frontend never does. Only counts leave the machine: an account is a digest there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from extauth.config import ThrottleSettings
from extauth.errors import ExtauthError
from extauth.model import Account
from extauth.trust import read_trusted
from extauth.workers.messages import CHUNK, InvalidMessage, MessageReader, encode
from extauth.workers.process_tree import ChildProcess, start_child

_TIMEOUT = 1.0  # seconds for the storage to answer
_MOST = 1_000  # failures of one account that are counted
_PREFIX = "extauth"


class NewFailure(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Frontend to counter: an account has one more wrong password."""

    account: Account


class FailureCount(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Counter to frontend: how many wrong passwords all helpers together have counted."""

    account: Account
    count: int


class StorageState(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Counter to frontend: the storage cannot be used, and why; an empty text: it can be used again."""

    problem: str


FromCounter = FailureCount | StorageState


def start_failure_counter(settings: ThrottleSettings, allow_unsafe: bool) -> ChildProcess:
    """Fork a failure counter. Raise OSError."""

    def run(sock: socket.socket) -> NoReturn:
        FailureCounter(sock, settings, allow_unsafe=allow_unsafe).run()

    return start_child("failure counter", run, dies_with_parent=True)


class FailureCounter:
    """Counts what comes over the socket, until it closes."""

    def __init__(self, sock: socket.socket, settings: ThrottleSettings, *, allow_unsafe: bool) -> None:
        self._socket = sock
        self._settings = settings
        self._allow_unsafe = allow_unsafe
        self._limiter: Any = None
        self._item: Any = None
        self._problem = ""

    def run(self) -> NoReturn:
        """Serve, then end the process."""
        reader = MessageReader(NewFailure)
        with contextlib.suppress(InvalidMessage, OSError):
            while data := self._socket.recv(CHUNK):
                for failure in reader.feed(data):
                    self._count(failure.account)
        os._exit(0)

    def _count(self, account: Account) -> None:
        """Count a failure. Tell the frontend when the storage fails, and when it works again."""
        try:
            count = self._hit(account)
        except Exception as error:  # noqa: BLE001  # of a library for which the network is full of surprises
            problem = str(error) if isinstance(error, ExtauthError) else type(error).__name__  # the text may be secret
        else:
            problem = ""
            self._socket.sendall(encode(FailureCount(account, count)))
        if problem != self._problem:
            self._problem = problem
            self._socket.sendall(encode(StorageState(problem)))

    def _hit(self, account: Account) -> int:
        if self._limiter is None:
            self._connect()
        key = hashlib.sha256(account.address.encode()).hexdigest()
        self._limiter.hit(self._item, _PREFIX, key)
        return int(_MOST - self._limiter.get_window_stats(self._item, _PREFIX, key).remaining)

    def _connect(self) -> None:
        from limits import RateLimitItemPerSecond  # here because they are large
        from limits.storage import storage_from_string
        from limits.strategies import MovingWindowRateLimiter

        options: dict[str, Any] = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT}
        if self._settings.storage_password_file is not None:
            options["password"] = self._read_password(self._settings.storage_password_file)
        storage = storage_from_string(self._settings.storage or "", **options)
        self._item = RateLimitItemPerSecond(_MOST, max(1, round(self._settings.window)))
        self._limiter = MovingWindowRateLimiter(storage)

    def _read_password(self, path: Path) -> str:
        return read_trusted(path, allow_unsafe=self._allow_unsafe).data.decode().rstrip("\r\n")

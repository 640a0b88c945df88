"""The status server: a process that answers `extauth status`, `reload` and `verify --running`, and serves the metrics.

It may hang, and the frontend never waits for it. It ends when its socket to the frontend closes, and then removes its
files. So it also cleans up after a frontend that was killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import NoReturn

from extauth.errors import ConfigError
from extauth.version import VERSION
from extauth.workers.messages import CHUNK, InvalidMessage, MessageReader, encode, receive
from extauth.workers.metrics_export import MetricsExport
from extauth.workers.pid_file import PidFile, PidFileTaken
from extauth.workers.run_directory import StatusSocket, default_run_directory
from extauth.workers.status_history import StatusHistory
from extauth.workers.status_messages import (
    FromClient,
    FromStatusServer,
    ReloadWanted,
    Snapshot,
    SnapshotTaken,
    StatusNotice,
    StatusReport,
    StatusSettings,
    StatusWanted,
    ToClient,
    ToStatusServer,
    VerifyWanted,
)

_RETRY = 10.0  # seconds until a socket, a pid file or a port that could not be had is tried again
_MAX_CLIENTS = 64
_SEND_WITHIN = 1.0  # seconds for a client to take its answer
_CREDENTIALS = struct.Struct("3i")


class _Client:
    """A client's connection. It sends one request and gets one answer."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.socket = sock
        self.number = number  # no two clients have the same one, and descriptors are used again
        self.reader: MessageReader[FromClient] = MessageReader(FromClient)  # type: ignore[arg-type]  # a union


class StatusServer:
    """Serves clients until the frontend ends."""

    def __init__(self, sock: socket.socket, settings: StatusSettings, frontend: int) -> None:
        self._frontend = sock
        self._settings = settings
        self._pid = frontend
        self._reader: MessageReader[ToStatusServer] = MessageReader(ToStatusServer)  # type: ignore[arg-type]  # a union
        self._listener: StatusSocket | None = None
        self._pid_file = PidFile(settings.pid_file, frontend) if settings.pid_file is not None else None
        self._metrics = MetricsExport(settings.metrics)
        self._history = StatusHistory()
        self._snapshot: Snapshot | None = None
        self._clients: dict[int, _Client] = {}  # by descriptor
        self._last_client = 0
        self._waiting: list[int] = []  # numbers of clients that wait for the next snapshot
        self._next_try = 0.0
        self._problems: dict[str, str] = {}  # what does not work, and why: each is reported once
        self._poll = select.poll()

    def run(self) -> NoReturn:
        """Serve, then clean up and end the process."""
        self._poll.register(self._frontend, select.POLLIN)
        with contextlib.suppress(InvalidMessage, OSError):
            while self._serve():
                pass
        if self._listener is not None:
            self._listener.remove()
        if self._pid_file is not None:
            self._pid_file.remove()
        self._metrics.remove()
        os._exit(0)

    def _serve(self) -> bool:
        """Do what is to do, and wait for more. Return False when the frontend has ended."""
        now = time.monotonic()
        if now >= self._next_try:
            self._next_try = now + _RETRY
            self._try_to_open()
        self._metrics.write(now)
        self._report("metrics.textfile", self._metrics.problem())
        until = min(self._next_try, self._metrics.next_write)
        for descriptor, _ in self._poll.poll(max(0.0, until - now) * 1000):
            if descriptor == self._frontend.fileno():
                if not self._receive():
                    return False
            elif self._listener is not None and descriptor == self._listener.socket.fileno():
                self._accept(self._listener.socket)
            elif descriptor in self._clients:
                self._handle_client(self._clients[descriptor])
        return True

    # --- what is open ---------------------------------------------------------------------------------

    def _try_to_open(self) -> None:
        """Open what is not open yet: another helper may have it, or a folder may be missing."""
        self._try("the status socket", self._listen, "extauth status, reload and verify --running do not work")
        if self._pid_file is not None:
            self._try("helper.pid_file", self._pid_file.write, "there is no pid file")
        self._try("metrics.listen", self._metrics.listen, "there are no metrics over HTTP")

    def _try(self, what: str, action: Callable[[], None], follows: str) -> None:
        try:
            action()
        except PidFileTaken as error:
            self._report(what, str(error))
        except ConfigError as error:
            self._report(what, f"{error}; until then {follows}")
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            self._report(what, f"{place}{error.strerror or error}; {follows}; the next try comes in {_RETRY:g} s")
        else:
            self._report(what, "")

    def _listen(self) -> None:
        if self._listener is not None and self._listener.path.exists():
            return
        if self._listener is not None:
            self._poll.unregister(self._listener.socket)
            self._listener.socket.close()
            self._listener = None  # its folder was removed
        self._listener = StatusSocket(self._settings.run_directory or default_run_directory(), self._pid)
        self._poll.register(self._listener.socket, select.POLLIN)

    def _report(self, what: str, why: str) -> None:
        """Let the frontend log that something does not work, or that it works again."""
        if why != self._problems.get(what, ""):
            self._problems[what] = why
            self._send(StatusNotice(f"{what}: {why or 'works now'}", bool(why)))

    # --- the frontend ---------------------------------------------------------------------------------

    def _send(self, message: FromStatusServer) -> None:
        self._frontend.sendall(encode(message))

    def _receive(self) -> bool:
        """Take what the frontend has sent. Return False if it has ended."""
        messages = receive(self._frontend, self._reader)
        for message in messages or ():
            if isinstance(message, Snapshot):
                self._take(message)
            else:
                self._answer(message.client, message)
        return messages is not None

    def _take(self, snapshot: Snapshot) -> None:
        self._send(SnapshotTaken())
        self._snapshot = snapshot
        self._history.add(snapshot)
        self._metrics.take(snapshot)
        waiting, self._waiting = self._waiting, []
        for client in waiting:
            self._answer(client, self._status(snapshot))

    def _status(self, snapshot: Snapshot) -> StatusReport:
        now = time.monotonic()
        return StatusReport(
            VERSION,
            self._pid,
            str(self._settings.config_file),
            snapshot,
            [round(rate, 3) for rate in self._history.rates(snapshot, now)],
            {name: round(seconds, 6) for name, seconds in self._history.percentiles(snapshot, now).items()},
            [f"{what}: {why}" for what, why in self._problems.items() if why],
        )

    # --- clients --------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            connection, _ = listener.accept()
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            _, user, _ = _CREDENTIALS.unpack(credentials)
            if user not in (0, os.geteuid()) or len(self._clients) >= _MAX_CLIENTS:
                connection.close()
                return
            connection.settimeout(_SEND_WITHIN)
            self._last_client += 1
            self._clients[connection.fileno()] = _Client(connection, self._last_client)
            self._poll.register(connection, select.POLLIN)

    def _handle_client(self, client: _Client) -> None:
        try:
            data = client.socket.recv(CHUNK)
            requests = client.reader.feed(data)
        except (InvalidMessage, OSError):
            data, requests = b"", []
        for request in requests:
            self._forward(request, client.number)
        if not data:
            self._drop(client)

    def _forward(self, request: FromClient, client: int) -> None:
        """Ask the frontend for what the client wants."""
        if isinstance(request, StatusWanted):
            if not self._waiting:
                self._send(StatusWanted())
            self._waiting.append(client)
        elif isinstance(request, ReloadWanted):
            self._send(ReloadWanted(client))
        else:
            self._send(VerifyWanted(request.address, request.secret, request.mechanism, request.challenge, client))

    def _answer(self, number: int, message: ToClient) -> None:
        for client in [each for each in self._clients.values() if each.number == number]:
            with contextlib.suppress(OSError):  # it has gone
                client.socket.sendall(encode(message))
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        descriptor = client.socket.fileno()
        self._poll.unregister(descriptor)
        self._clients.pop(descriptor).socket.close()

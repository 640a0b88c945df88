"""A small PWD port of a mail server that is away, silent or breaks connections for a time. It takes any login."""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import Enum

from tests.helper import PATIENCE


class State(Enum):
    """What the mail server does."""

    WORKS = "works"
    AWAY = "is away"
    SILENT = "says nothing"
    BREAKS = "breaks connections"  # it executes a command, and closes the connection instead of replying


class MailServer:
    """Creates accounts, and takes passwords: `passwords` has the last one of each account."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self._accounts: set[str] = set()
        self._state = State.WORKS
        self._is_talking = threading.Event()
        self._is_talking.set()
        self._connections: set[socket.socket] = set()
        self._listen(0)

    @property
    def port(self) -> int:
        """Its port, the same all the time."""
        return self._port

    def change(self, state: State) -> None:
        """Begin another state. When it works again, it has forgotten its accounts."""
        if self._state is State.AWAY:
            self._listen(self._port)
        self._state = state
        if state is State.SILENT:
            self._is_talking.clear()
        else:
            self._is_talking.set()
        if state is State.WORKS:
            self._accounts = set()
        if state is State.AWAY:
            self.close()

    def close(self) -> None:
        """Close it and all connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._connections.copy():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _listen(self, port: int) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self._port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            self._is_talking.wait(PATIENCE)
            connection.sendall(b"200 soak <1@soak.example>\r\n")
            for line in lines:
                self._is_talking.wait(PATIENCE)
                reply = self._execute(line.decode().split())
                if self._state is State.BREAKS:
                    break
                connection.sendall(reply)
        self._connections.discard(connection)

    def _execute(self, words: list[str]) -> bytes:
        match words:
            case ["CREATEACCOUNT", name, *_]:
                if name in self._accounts:
                    return b"520 account with this name already exists\r\n"
                self._accounts.add(name)
            case ["SETACCOUNTPASSWORD", name, "PASSWORD", password]:
                self.passwords[name] = password.strip('"')
        return b"200 OK\r\n"

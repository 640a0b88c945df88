"""The handover process: it sets passwords in the mail server, one after the other, over one connection.

While the mail server cannot be reached, it tries one password after the other, with pauses. They stay in memory until
they are set, or until the time for that is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Iterable
from typing import NoReturn

from extauth.backends.context import BackendContext
from extauth.backends.watched_files import WatchedFiles
from extauth.communigate import (
    CliClient,
    CliError,
    CommandRefused,
    NoRight,
    UnknownAccount,
    UnknownDomain,
    load_client,
)
from extauth.communigate.arguments import Settings
from extauth.errors import ConfigError
from extauth.model import Account
from extauth.protocol.accounts import AccountParser
from extauth.workers.handover import GIVE_UP, FromHandover, Handover, HandoverConfig, HandoverDone, MailServerState
from extauth.workers.messages import CHUNK, InvalidMessage, MessageReader, encode

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds to the next attempt while the mail server cannot be reached. Each pause is twice as long as the last."""

LAST_ATTEMPTS = 3
"""Failed attempts one after the other that end it, when the frontend has sent the last password."""

_SWITCHED: Settings = {"UseAppPassword": "YES", "UseExtPassword": "NO"}


class HandoverQueue:
    """Passwords that wait to be set. Those of one account stay in order: the last one must win."""

    def __init__(self) -> None:
        self._waiting: deque[Handover] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first(self) -> Handover:
        """The one to set next. There must be one."""
        return self._waiting[0]

    def add(self, handovers: Iterable[Handover]) -> None:
        """Add these behind the others."""
        self._waiting += handovers

    def remove_first(self) -> None:
        """Remove the first one."""
        self._waiting.popleft()

    def put_last(self, account: Account) -> None:
        """Move all passwords of an account behind those of the others."""
        self._waiting = deque(sorted(self._waiting, key=lambda handover: handover.account == account))

    def take_old(self, now: float) -> list[Handover]:
        """Remove and return those whose login was more than `GIVE_UP` seconds ago."""
        old = [handover for handover in self._waiting if handover.is_old(now)]
        self._waiting = deque(handover for handover in self._waiting if not handover.is_old(now))
        return old


class HandoverProcess:
    """Sets the passwords that come over the socket. It ends after the frontend has sent the last one."""

    def __init__(self, sock: socket.socket, config: HandoverConfig) -> None:
        self._socket = sock
        self._config = config
        self._client: CliClient | None = None
        self._waiting = HandoverQueue()
        self._problem = ""
        self._news = asyncio.Event()
        self._ends = asyncio.Event()

    def run(self) -> NoReturn:
        """Serve, then end the process."""
        logging.disable()  # the supervisor has written the warnings about these files
        try:
            asyncio.run(self._serve())
        finally:
            os._exit(0)

    async def _serve(self) -> None:
        self._socket.setblocking(False)
        receiving = asyncio.create_task(self._receive())
        while self._waiting or not self._ends.is_set():
            if not await self._set_all():
                return  # the frontend says what is lost
            await self._news.wait()
            self._news.clear()
        await receiving
        await self._forget_client()

    async def _receive(self) -> None:
        """Take what the frontend sends, until it sends nothing more."""
        loop, reader = asyncio.get_running_loop(), MessageReader(Handover)
        with contextlib.suppress(InvalidMessage, OSError):
            while data := await loop.sock_recv(self._socket, CHUNK):
                self._waiting.add(reader.feed(data))
                del data  # while this waits, it must not hold a password
                self._news.set()
        self._ends.set()
        self._news.set()

    async def _set_all(self) -> bool:
        """Set all passwords that wait. Return False if the end comes while the mail server cannot be reached."""
        pause, failed = FIRST_PAUSE, 0
        while self._waiting:
            if await self._set_first():
                pause, failed = FIRST_PAUSE, 0
                continue
            failed += 1
            if self._ends.is_set() and failed >= min(LAST_ATTEMPTS, len(self._waiting)):
                return False
            self._waiting.put_last(self._waiting.first.account)  # it may be the only one that fails
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ends.wait()
            pause = min(2 * pause, LONGEST_PAUSE)
            await self._drop_old()
        return True

    async def _set_first(self) -> bool:
        """Set the password that came first. Return False if the mail server cannot be reached."""
        handover = self._waiting.first
        problem = ""
        try:
            await self._set(handover)
        except CommandRefused as error:
            problem = str(error)
            if handover.password.reveal() in problem.encode():
                problem = "it was refused, with a text that is not shown"
        except ValueError:
            problem = "the password has a character that the mail server does not accept"
        except (CliError, ConfigError) as error:
            await self._tell_state(str(error))
            await self._forget_client()  # the next one reads the password of its own account again
            return False
        self._waiting.remove_first()
        await self._tell_state("")
        await self._send(HandoverDone(handover.key, problem))
        return True

    async def _set(self, handover: Handover) -> None:
        if self._client is None:
            self._client = self._load_client()
        client, switches = self._client, self._config.handover.switch_external_off
        try:
            await client.set_account_password(handover.account, handover.password)
        except CommandRefused as error:
            if not switches or isinstance(error, UnknownAccount | UnknownDomain | NoRight):
                raise
            # Maybe UseAppPassword is NO. If it were switched on alone, an old password could open the account.
            on: Settings = {"UseAppPassword": "YES", "Password": handover.password}
            await client.update_account_settings(handover.account, on)
            await client.set_account_password(handover.account, handover.password)  # it may have ignored `Password`
        if switches:
            await client.update_account_settings(handover.account, _SWITCHED)

    def _load_client(self) -> CliClient:
        allow_unsafe = self._config.allow_unsafe_files
        context = BackendContext("mail_server", None, AccountParser(), 0, allow_unsafe_files=allow_unsafe)
        return load_client(WatchedFiles(context), self._config.mail_server)

    async def _forget_client(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _drop_old(self) -> None:
        """Give up the passwords that have waited too long."""
        for handover in self._waiting.take_old(time.monotonic()):
            await self._send(HandoverDone(handover.key, f"no success within {GIVE_UP:g} s: {self._problem}"))

    async def _tell_state(self, problem: str) -> None:
        """Tell the frontend when no password can be set, and when it works again."""
        if problem != self._problem:
            self._problem = problem
            await self._send(MailServerState(problem))

    async def _send(self, message: FromHandover) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, encode(message))

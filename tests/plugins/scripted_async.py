"""A backend whose methods are written with `async def`. It does what the password says up to its first slash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Any

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, TemporaryFailure, Verdict, verify_hash_async


class AsyncSettings(Settings, frozen=True):
    """`folder` has the FIFO `gate`. The file `notes` is written there."""

    folder: Path


class ScriptedBackend(Backend[AsyncSettings]):
    Settings = AsyncSettings

    async def open(self) -> None:
        self._gate = os.open(self.settings.folder / "gate", os.O_RDONLY | os.O_NONBLOCK)
        self._opened = asyncio.get_running_loop()

    async def close(self) -> None:
        assert asyncio.get_running_loop() is self._opened
        self._note("close")

    async def verify_password(self, account: Account, password: Secret) -> Any:
        action = password.reveal().decode().partition("/")[0]
        self._note(f"{action} begins")
        try:
            return await self._do(action, password)
        finally:
            self._note(f"{action} ends")

    async def lookup_secret(self, account: Account) -> Secret:
        await asyncio.sleep(0)
        return Secret(b"open sesame")

    async def knows_account(self, account: Account) -> Verdict:
        await asyncio.sleep(0)
        return Verdict.OK

    async def _do(self, action: str, password: Secret) -> Any:
        if action == "wait":
            await self._released()
        elif action == "wait for ever":
            await asyncio.Event().wait()
        elif action == "go on":
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)
        elif action == "block":
            time.sleep(0.4)
        elif action == "hang":
            with (self.settings.folder / "hang").open("rb") as hang:
                hang.read()
        elif action == "raise":
            raise ValueError
        elif action == "exit":
            raise SystemExit(0)
        elif action == "cancel":
            raise asyncio.CancelledError
        elif action == "unavailable":
            raise BackendUnavailable("connection refused")
        elif action == "temporary failure":
            raise TemporaryFailure("result 42")
        elif action == "hash":
            return await verify_hash_async("{SHA512-CRYPT}$6$rounds=400000$salt$" + "x" * 86, password)
        elif action == "return true":
            return True
        elif action == "return nothing":
            return None
        elif action == "return a coroutine":
            return self._released()
        await asyncio.sleep(0)
        return Verdict.PASSWORD_MISMATCH if action == "no" else Verdict.OK

    async def _released(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(BlockingIOError):
                if os.read(self._gate, 1):
                    return
            readable = loop.create_future()
            self._waiting = getattr(self, "_waiting", [])
            self._waiting.append(readable)
            loop.add_reader(self._gate, self._wake)
            await readable

    def _wake(self) -> None:
        asyncio.get_running_loop().remove_reader(self._gate)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _note(self, text: str) -> None:
        with (self.settings.folder / "notes").open("a") as notes:
            notes.write(f"{text} {os.getpid()}\n")

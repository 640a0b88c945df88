"""A backend that checks in steps. It does what the password says up to its first slash."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, Steps, TemporaryFailure, Verdict, Wait


class StepsSettings(Settings, frozen=True):
    """`folder` has the FIFO `gate`. The file `notes` is written there."""

    folder: Path


class ScriptedSteps(Backend[StepsSettings]):
    Settings = StepsSettings
    concurrency = 1
    concurrency_per_thread = 4

    def open(self) -> None:
        self._gate = os.open(self.settings.folder / "gate", os.O_RDONLY | os.O_NONBLOCK)

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        raise AssertionError

    def verify_in_steps(self, account: Account, password: Secret) -> Any:
        action = password.reveal().decode().partition("/")[0]
        if action == "no generator":
            return 1
        if action == "an iterator of verdicts":
            return iter([Verdict.OK])
        if action == "raise at once":
            raise ValueError
        return self._steps(action)

    def knows_account(self, account: Account) -> Verdict:
        return Verdict.OK

    def _steps(self, action: str) -> Iterator[Any] | Steps[Any]:
        self._note(f"{action} begins")
        try:
            if action == "wait":
                while True:
                    yield Wait(self._gate, time.monotonic() + 60)
                    try:
                        if os.read(self._gate, 1):
                            return Verdict.OK
                    except BlockingIOError:
                        continue
            if action == "for ever":
                while True:
                    yield Wait(self._gate, time.monotonic() + 0.01)
            if action == "for ever long":
                while True:
                    yield None
            if action == "at once for ever":
                while True:
                    yield Wait(self._gate, 0.0, can_block=True)
            if action == "long and hang":
                yield None
                with (self.settings.folder / "hang").open("rb") as hang:
                    hang.read()
            if action == "unavailable":
                yield None
                raise BackendUnavailable("connection refused")
            if action == "temporary failure":
                yield Wait(self._gate, 0.0)
                raise TemporaryFailure("result 42")
            if action == "raise later":
                yield Wait(self._gate, 0.0)
                raise ValueError
            if action == "exit":
                raise SystemExit(0)
            if action == "stop":
                raise StopIteration(Verdict.OK)
            invalid_steps = {
                "yield a verdict": Verdict.OK,
                "yield a number": 0,
                "yield a closed descriptor": Wait(999, time.monotonic() + 0.01),
                "yield a negative descriptor": Wait(-1, time.monotonic() + 60),
                "yield a large descriptor": Wait(2**40, time.monotonic() + 60),
                "yield no number": Wait("0", time.monotonic() + 60),  # type: ignore[arg-type]
                "yield no time": Wait(self._gate, float("nan")),
                "yield the beginning of time": Wait(self._gate, float("-inf")),
            }
            if action in invalid_steps:
                yield invalid_steps[action]
            if action == "return true":
                return True
            if action == "return nothing":
                return None
            yield Wait(self._gate, time.monotonic())
            return Verdict.OK if action == "yes" else Verdict.PASSWORD_MISMATCH
        finally:
            self._note(f"{action} ends")

    def _note(self, text: str) -> None:
        with (self.settings.folder / "notes").open("a") as notes:
            notes.write(f"{text} {os.getpid()}\n")

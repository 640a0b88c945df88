"""A backend that goes in steps, and does in them what the password says, up to its first slash."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extauth import Account, Backend, BackendUnavailable, Secret, Settings, Steps, TemporaryFailure, Verdict, Wait


class StepsSettings(Settings, frozen=True):
    """`folder` has the FIFO `gate`, and gets the file `notes`."""

    folder: Path


class InSteps(Backend[StepsSettings]):
    Settings = StepsSettings
    concurrency = 1
    concurrency_per_thread = 4

    def open(self) -> None:
        self._gate = os.open(self.settings.folder / "gate", os.O_RDONLY | os.O_NONBLOCK)

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        raise AssertionError

    def verify_in_steps(self, account: Account, password: Secret) -> Any:
        order = password.reveal().decode().partition("/")[0]
        if order == "no generator":
            return 1
        if order == "an iterator of verdicts":
            return iter([Verdict.OK])
        if order == "raise at once":
            raise ValueError
        return self._steps(order)

    def knows_account(self, account: Account) -> Verdict:
        return Verdict.OK

    def _steps(self, order: str) -> Iterator[Any] | Steps[Any]:
        self._note(f"{order} begins")
        try:
            if order == "wait":
                while True:
                    yield Wait(self._gate, time.monotonic() + 60)
                    try:
                        if os.read(self._gate, 1):
                            return Verdict.OK
                    except BlockingIOError:
                        continue
            if order == "for ever":
                while True:
                    yield Wait(self._gate, time.monotonic() + 0.01)
            if order == "for ever long":
                while True:
                    yield None
            if order == "at once for ever":
                while True:
                    yield Wait(self._gate, 0.0, can_block=True)
            if order == "long and hang":
                yield None
                with (self.settings.folder / "hang").open("rb") as hang:
                    hang.read()
            if order == "outage":
                yield None
                raise BackendUnavailable("out of reach")
            if order == "cannot tell":
                yield Wait(self._gate, 0.0)
                raise TemporaryFailure("it says 42")
            if order == "raise later":
                yield Wait(self._gate, 0.0)
                raise ValueError
            if order == "exit":
                raise SystemExit(0)
            if order == "stop":
                raise StopIteration(Verdict.OK)
            nonsense = {
                "yield a verdict": Verdict.OK,
                "yield a number": 0,
                "yield a closed descriptor": Wait(999, time.monotonic() + 0.01),
                "yield a negative descriptor": Wait(-1, time.monotonic() + 60),
                "yield a large descriptor": Wait(2**40, time.monotonic() + 60),
                "yield no number": Wait("0", time.monotonic() + 60),  # type: ignore[arg-type]
                "yield no time": Wait(self._gate, float("nan")),
                "yield the beginning of time": Wait(self._gate, float("-inf")),
            }
            if order in nonsense:
                yield nonsense[order]
            if order == "return true":
                return True
            if order == "return nothing":
                return None
            yield Wait(self._gate, time.monotonic())
            return Verdict.OK if order == "yes" else Verdict.PASSWORD_MISMATCH
        finally:
            self._note(f"{order} ends")

    def _note(self, what: str) -> None:
        with (self.settings.folder / "notes").open("a") as notes:
            notes.write(f"{what} {os.getpid()}\n")

"""One backend in the chain: loaded, opened, asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extauth.backends.base import Backend, SeenFiles
from extauth.backends.steps import Steps, Wait
from extauth.chain.backend_adapter import BackendAdapter, advance, loggable_reason
from extauth.config import BackendConfig
from extauth.errors import BackendUnavailable, ConfigError, ExtauthError, UnexpectedError
from extauth.guard import call_guarded
from extauth.model import FailureResult, Request, Result

_OPEN_AGAIN = 1.0  # seconds after an attempt that failed


class ConfiguredBackend:
    """One backend in the chain, and what the configuration says of its place there."""

    def __init__(self, backend: Backend[Any], section: BackendConfig, file: Path) -> None:
        self.name = backend.context.name
        self.threads = backend.threads
        self.at_once = backend.at_once
        self.timeout = section.timeout
        self.stops_at_mismatch = section.stops_at_mismatch
        self.emergency = section.emergency
        self.readplain = section.readplain
        self._backend = backend
        self._contract = BackendAdapter(backend, readplain=section.readplain)
        self.domains = section.domains
        self._where = f"{file}: {section.section}"
        self._type = section.type
        self._not_loaded = ""
        self._not_opened = ""
        self._open_again = 0.0
        self._opening = threading.Lock()
        self._opened = False

    def serves(self, domain: str) -> bool:
        """Whether this backend is asked about accounts of `domain`."""
        return self.domains is None or domain in self.domains

    def describe(self) -> str:
        """What serves which domains, for the log."""
        domains = "every domain" if self.domains is None else ", ".join(self.domains)
        when = " in an emergency" if self.emergency else ""
        return f"{self.name} serves {domains}{when}{' and gives passwords away' if self.readplain else ''}"

    def load(self) -> SeenFiles:
        """Have the backend read its files; which ones it saw. Raises ConfigError."""
        try:
            call_guarded(self._backend.load)
        except ConfigError as error:
            raise ConfigError(f"{self._where} {error}") from None
        except UnexpectedError as fault:
            raise ConfigError(f"{self._where} type = {self._type!r}: {fault}") from None
        except BackendUnavailable as outage:
            self._not_loaded = _text(outage)
            self._backend.log.error("%s", self._not_loaded)
        return self._backend.seen

    def self_test(self) -> None:
        """Have the backend try what it asks, if it is loaded; what it cannot is logged."""
        if self._not_loaded:
            return
        try:
            call_guarded(self._backend.self_test)
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            self._backend.log.error("%s", _text(error))

    @property
    def is_loaded(self) -> bool:
        """Whether the backend could read its files."""
        return not self._not_loaded

    def open(self) -> None:
        """Have the backend connect, unless it has. Raises BackendUnavailable and UnexpectedError."""
        if self._not_loaded:
            raise BackendUnavailable(self._not_loaded)
        if not self._opened:
            with self._opening:
                if not self._opened:
                    self._open()

    def _open(self) -> None:
        """Try, but not for each of those that have been waiting for an attempt that failed."""
        if self._not_opened and time.monotonic() < self._open_again:
            raise BackendUnavailable(self._not_opened)
        try:
            call_guarded(self._backend.open)
            self._opened = True
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            self._not_opened = _text(error)
            self._open_again = time.monotonic() + _OPEN_AGAIN
            raise

    def close(self) -> None:
        """Have the backend disconnect, if it ever connected. Raises what `call_guarded` does."""
        if self._opened:
            call_guarded(self._backend.close)

    def rest(self) -> None:
        """Tell the backend that this thread has nothing more to ask it. Raises what `call_guarded` does."""
        if self._opened:
            call_guarded(self._backend.rest)

    def ask_if_quick(self, questions: Sequence[Request]) -> list[Result | None]:
        """What this backend says where asking it is not worth a thread, as it takes well under a millisecond."""
        if not self._opened:
            return [None] * len(questions)
        answers: list[Result | None] = []
        while len(answers) < len(questions):
            try:
                call_guarded(self._contract.decide_if_quick, questions, answers)
            except (BackendUnavailable, UnexpectedError, ConfigError) as error:
                answers.append(self._undecided(error, questions[len(answers)]))
        return answers

    def ask(self, question: Request) -> Result:
        """What this backend alone says."""
        try:
            if not self._opened:
                self.open()
            return call_guarded(self._contract.decide, question)
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            return self._undecided(error, question)

    def begin(self, question: Request) -> Steps[Result]:
        """The same in steps, to be taken by `step`."""
        return self._contract.decide_in_steps(question)

    def step(self, steps: Steps[Result], question: Request, patience: float = 0.0) -> Wait | Result | None:
        """Take the next of the steps: what they wait for, or what the backend says. None: the next may take long.

        With `patience` it waits for about so many seconds itself, where it has said that it can.
        """
        try:
            if not self._opened:
                self.open()
            return call_guarded(advance, steps, patience)
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            return self._undecided(error, question)

    def abandon(self, steps: Steps[Result], question: Request, *, timed_out: bool) -> FailureResult:
        """Take no more of the steps, since the request's time is over, or the backend's own; what that amounts to."""
        try:
            call_guarded(steps.close)
        except (BackendUnavailable, UnexpectedError, ConfigError) as error:
            return self._undecided(error, question)
        return self.gave_up() if timed_out else FailureResult(self.name, "the deadline passed before it was done")

    def _undecided(self, error: ExtauthError, question: Request) -> FailureResult:
        return FailureResult(self.name, loggable_reason(_text(error), question), isinstance(error, BackendUnavailable))

    def gave_up(self) -> FailureResult:
        """What it amounts to that this backend has not answered within its own time."""
        return FailureResult(self.name, f"no answer within its timeout of {self.timeout:g} s", outage=True)


def _text(error: ExtauthError) -> str:
    """What an error says, if it can be had: a stranger's may have a `__str__` of its own."""
    try:
        return call_guarded(str, error)
    except UnexpectedError as fault:
        return str(fault)

"""One backend in the chain: loaded, opened, called."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extauth.backends.base import Backend, SeenFiles
from extauth.backends.steps import Steps, Wait
from extauth.chain.backend_adapter import BackendAdapter, loggable_reason, next_step
from extauth.chain.call_marks import CALLED
from extauth.config import BackendConfig
from extauth.errors import BackendUnavailable, ConfigError, UnexpectedError
from extauth.guard import GuardedErrors, call_guarded, error_text
from extauth.model import FailureResult, Request, Result

_OPEN_RETRY = 1.0  # seconds from an attempt to open that failed to the next one
_MAX_DOMAINS = 10  # in a description


class ConfiguredBackend:
    """One backend in the chain, and what the configuration says about it there."""

    def __init__(self, backend: Backend[Any], section: BackendConfig, file: Path) -> None:
        self.name = backend.context.name
        self.concurrency = backend.concurrency
        self.concurrency_per_thread = backend.concurrency_per_thread
        self.timeout = section.timeout
        self.stops_at_mismatch = section.stops_at_mismatch
        self.emergency = section.emergency
        self.readplain = section.readplain
        self.domains = section.domains
        self._backend = backend
        self._adapter = BackendAdapter(backend, readplain=section.readplain)
        self._where = f"{file}: {section.section}"
        self._type = section.type
        self._load_failure = ""
        self._open_failure = ""
        self._open_retry = 0.0
        self._opening = threading.Lock()
        self._is_open = False

    @property
    def repeatable(self) -> bool:
        """Whether a request may be sent to this backend twice."""
        return self._backend.repeatable is True

    def describe(self) -> str:
        """Say for the log which domains this backend serves, or the first ones of many."""
        domains = "every domain" if self.domains is None else ", ".join(self.domains[:_MAX_DOMAINS])
        if self.domains is not None and len(self.domains) > _MAX_DOMAINS:
            domains += f" and {len(self.domains) - _MAX_DOMAINS} more"
        when = " in an emergency" if self.emergency else ""
        return f"{self.name} serves {domains}{when}{' and gives passwords away' if self.readplain else ''}"

    def load(self) -> SeenFiles:
        """Let the backend read its files. Return the files that it read. Raise ConfigError."""
        try:
            call_guarded(self._backend.load)
        except ConfigError as error:
            raise ConfigError(f"{self._where} {error}") from None
        except UnexpectedError as error:
            raise ConfigError(f"{self._where} type = {self._type!r}: {error}") from None
        except GuardedErrors as failure:
            self._load_failure = error_text(failure)
            self._backend.log.error("%s", self._load_failure)
        return self._backend.seen_files

    def self_test(self) -> None:
        """Let a loaded backend try what it uses. Log what fails."""
        if self._load_failure:
            return
        try:
            call_guarded(self._backend.self_test)
        except GuardedErrors as error:
            self._backend.log.error("%s", error_text(error))

    @property
    def is_loaded(self) -> bool:
        """Whether the backend could read its files."""
        return not self._load_failure

    def open(self) -> None:
        """Let the backend connect, unless it is open. Raise `GuardedErrors`."""
        if self._load_failure:
            raise BackendUnavailable(self._load_failure)
        if not self._is_open:
            with self._opening:
                if not self._is_open:
                    self._open()

    def _open(self) -> None:
        """Try to open, but not again for each request that has waited for an attempt that failed."""
        if self._open_failure and time.monotonic() < self._open_retry:
            raise BackendUnavailable(self._open_failure)
        try:
            call_guarded(self._backend.open)
            self._is_open = True
        except GuardedErrors as error:
            self._open_failure = error_text(error)
            self._open_retry = time.monotonic() + _OPEN_RETRY
            raise

    def close(self) -> None:
        """Let the backend disconnect, if it is open. Raise `GuardedErrors`."""
        if self._is_open:
            call_guarded(self._backend.close)

    def on_idle(self) -> None:
        """Tell the backend that this thread has no more requests for it. Raise `GuardedErrors`."""
        if self._is_open:
            call_guarded(self._backend.on_idle)

    def call_fast(self, requests: Sequence[Request], slots: Sequence[int], called: memoryview) -> list[Result | None]:
        """Return the results of a backend that is fast enough to need no thread; None for the others.

        `called`: the marks of the requests, by their slots.
        """
        if not self._is_open:
            return [None] * len(requests)
        results: list[Result | None] = []
        while len(results) < len(requests):
            try:
                call_guarded(self._adapter.call_fast, requests, results, slots, called)
            except GuardedErrors as error:
                called[slots[len(results)]] = CALLED
                results.append(self._failure(error, requests[len(results)]))
        return results

    def call(self, request: Request) -> Result:
        """Return the result of this backend alone."""
        try:
            if not self._is_open:
                self.open()
            return call_guarded(self._adapter.call, request)
        except GuardedErrors as error:
            return self._failure(error, request)

    def start_steps(self, request: Request) -> Steps[Result]:
        """Return the steps of a call. Take them with `next_step`."""
        return self._adapter.call_in_steps(request)

    def next_step(self, steps: Steps[Result], request: Request, patience: float = 0.0) -> Wait | Result | None:
        """Take the next step. Return what it waits for, or the result. None: the step after it may take long.

        `patience`: wait for about so many seconds inside of the steps that can do so.
        """
        try:
            if not self._is_open:
                self.open()
            return call_guarded(next_step, steps, patience)
        except GuardedErrors as error:
            return self._failure(error, request)

    def cancel(self, steps: Steps[Result], request: Request, *, timed_out: bool) -> FailureResult:
        """Close the steps, because the deadline or the backend's timeout is over. Return the failure."""
        try:
            call_guarded(steps.close)
        except GuardedErrors as error:
            return self._failure(error, request)
        return self.timed_out() if timed_out else FailureResult(self.name, "the deadline passed before it was done")

    def timed_out(self) -> FailureResult:
        """Return the failure of a backend that gave no result within its timeout."""
        return FailureResult(self.name, f"no verdict within its timeout of {self.timeout:g} s", unavailable=True)

    def _failure(self, error: Exception, request: Request) -> FailureResult:
        unavailable = isinstance(error, BackendUnavailable)
        return FailureResult(self.name, loggable_reason(error_text(error), request), unavailable)

"""One backend in the chain: loaded, opened, called."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extauth.backends.base import Backend
from extauth.backends.context import SeenFiles
from extauth.backends.file_history import FileContents
from extauth.chain.backend_adapter import BackendAdapter, awaited
from extauth.chain.backend_rules import is_async
from extauth.chain.call_marks import CALLED
from extauth.chain.password_masking import PasswordsInCalls, loggable_reason
from extauth.config import BackendConfig
from extauth.errors import BackendUnavailable, ConfigError, UnexpectedError
from extauth.guard import GuardedErrors, await_guarded, call_guarded, error_text, guarded
from extauth.model import FailureResult, Request, Result
from extauth.settings import Settings

if TYPE_CHECKING:
    import asyncio

CLOSING = 0.4
"""Seconds that most backends have to disconnect when a worker ends."""

_OPEN_RETRY = 1.0  # seconds from an attempt to open that failed to the next one
_MAX_DOMAINS = 10  # in a description


class ConfiguredBackend:
    """One backend in the chain, and what the configuration says about it there."""

    def __init__(self, backend: Backend[Any], section: BackendConfig, file: Path, closing: float = CLOSING) -> None:
        self.name = backend.context.name
        self.settings: Settings = backend.settings
        self.concurrency = backend.concurrency
        self.is_async = is_async(type(backend))
        self.timeout = section.timeout
        self.closing_time = closing
        self.stops_at_mismatch = section.stops_at_mismatch
        self.emergency = section.emergency
        self.readplain = section.readplain
        self.domains = section.domains
        self.passwords = PasswordsInCalls()
        self.on_error: Callable[[Exception], None] | None = None
        """Gets each error of a request. Workers do not set it: an error may hold passwords of the request."""

        self._backend = backend
        self._adapter = BackendAdapter(backend, readplain=section.readplain)
        self._where = f"{file}: {section.section}"
        self._type = section.type
        self._load_failure = ""
        self._open_failure = ""
        self._open_retry = 0.0
        self._opening = threading.Lock()
        self._opening_in_loop: asyncio.Lock | None = None
        self._is_open = False
        self._has_ended = False

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

    @property
    def file_contents(self) -> list[FileContents]:
        """What the loaded backend has found in its files of accounts."""
        return self._backend.file_contents

    @property
    def damaged_files(self) -> list[str]:
        """A text for each file that looks damaged."""
        return self._backend.damaged_files

    def self_test(self) -> frozenset[str] | None:
        """Let a loaded backend try what it uses. Log what fails.

        Return the domains whose accounts cannot log in, as far as it knows; None if no account can.
        """
        if self._load_failure:
            return None
        try:
            found: object = call_guarded(self._backend.self_test)
            if isinstance(found, Awaitable):
                import asyncio  # here because only backends with an event loop need it

                found = asyncio.run(await_guarded(awaited(found)))
        except GuardedErrors as error:
            self._backend.log.error("%s", error_text(error))
            return None
        return found if isinstance(found, frozenset) else frozenset()

    def usable_mechanisms(self) -> frozenset[str] | None:
        """Return the mechanisms that accounts of this backend can use; None if it does not know them."""
        if self._load_failure:
            return None
        try:
            return call_guarded(self._backend.usable_mechanisms)
        except GuardedErrors as error:
            self._backend.log.error("%s", error_text(error))
            return None

    @property
    def is_loaded(self) -> bool:
        """Whether the backend could read its files."""
        return not self._load_failure

    def open(self) -> None:
        """Let the backend connect, unless it is open. Raise `GuardedErrors`."""
        with self._opening:
            if self._must_open():
                with self._remembering_failure():
                    call_guarded(self._backend.open)

    async def open_async(self) -> None:
        """Do the same in the backend's event loop. Raise `GuardedErrors`."""
        async with self._lock_of_loop():
            if self._must_open():
                with self._remembering_failure():
                    await await_guarded(awaited(call_guarded(self._backend.open)))

    def _lock_of_loop(self) -> asyncio.Lock:
        if self._opening_in_loop is None:
            import asyncio  # here because only backends with an event loop need it

            self._opening_in_loop = asyncio.Lock()
        return self._opening_in_loop

    def _must_open(self) -> bool:
        """Whether it is closed. Raise BackendUnavailable if it cannot be opened, or could not a moment ago."""
        if self._has_ended:
            return False
        if self._load_failure:
            raise BackendUnavailable(self._load_failure)
        if not self._is_open and self._open_failure and time.monotonic() < self._open_retry:
            raise BackendUnavailable(self._open_failure)  # not again for each request that has waited meanwhile
        return not self._is_open

    @contextlib.contextmanager
    def _remembering_failure(self) -> Iterator[None]:
        """Remember whether it was opened."""
        try:
            yield
        except GuardedErrors as error:
            self._open_failure = error_text(error)
            self._open_retry = time.monotonic() + _OPEN_RETRY
            raise
        self._is_open = True

    def close(self) -> None:
        """Let the backend disconnect, if it is open or opens at this moment. Raise `GuardedErrors`."""
        with self._opening:
            if self._end_use():
                call_guarded(self._backend.close)

    async def close_async(self) -> None:
        """Do the same in the backend's event loop. Raise `GuardedErrors`."""
        async with self._lock_of_loop():
            if self._end_use():
                await await_guarded(awaited(call_guarded(self._backend.close)))

    def _end_use(self) -> bool:
        """Let nothing open it any more. Return whether it is open."""
        self._has_ended = True
        return self._is_open

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
        number = self.passwords.begin(requests, results)
        try:
            while len(results) < len(requests):
                try:
                    call_guarded(self._adapter.call_fast, requests, results, slots, called)
                except GuardedErrors as error:
                    called[slots[len(results)]] = CALLED
                    results.append(self._failure(error, requests[len(results)]))
        finally:
            self.passwords.end(number)
        return results

    def call(self, request: Request) -> Result:
        """Return the result of this backend alone."""
        number = self.passwords.begin([request])
        try:
            if not self._is_open:
                self.open()
            return call_guarded(self._adapter.call, request)
        except GuardedErrors as error:
            return self._failure(error, request)
        finally:
            self.passwords.end(number)

    async def call_async(self, request: Request) -> Result:
        """Do the same in the event loop of a backend whose methods are written with `async def`."""
        number = self.passwords.begin([request])
        try:
            if not self._is_open:
                await self.open_async()
            return await self._adapter.call_async(request)
        except BaseException as error:  # noqa: BLE001  # as in await_guarded, which would cost a step of each request
            return self._failure(guarded(error), request)
        finally:
            self.passwords.end(number)

    def timed_out(self) -> FailureResult:
        """Return the failure of a backend that gave no result within its timeout."""
        return FailureResult(self.name, f"no verdict within its timeout of {self.timeout:g} s", unavailable=True)

    def _failure(self, error: Exception, request: Request) -> FailureResult:
        if self.on_error is not None:
            self.on_error(error)
        unavailable = isinstance(error, BackendUnavailable)
        return FailureResult(self.name, loggable_reason(error_text(error), request), unavailable)

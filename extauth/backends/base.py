"""What the author of a backend subclasses. The built-in backends use only this, too."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from extauth.backends.context import BackendContext, SeenFiles
from extauth.backends.file_history import FileContents, OnDamage
from extauth.errors import BackendUnavailable, ConfigError, TemporaryFailure
from extauth.mechanisms.credentials import Credentials
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.settings import Settings
from extauth.trust import read_trusted, reason_of, signature

S = TypeVar("S", bound=Settings)
Answer = Verdict | VerdictResult


class Backend(Generic[S]):
    """Checks passwords. Write `verify_password`, and of the other methods what you need.

    Write `verify_password`, `lookup_secret` and `knows_account` all with `def`, or all with `async def`. Those with
    `def` run in threads. Those with `async def` run in an event loop of their own, and are cancelled when their time is
    over. `open`, `close` and `self_test` may be either.

    extauth does the rest, and a backend cannot skip it: accounts come in canonical form, no password is empty, every
    request has a deadline, every verdict is logged. Every error that a method raises is a temporary failure and never
    an OK. Raise BackendUnavailable if your database or directory cannot be reached.

    Each worker process has its own object. `load` runs once, before the workers are forked: read files there, but
    start no thread and no loop, and open no connection. `open` and `close` run in each worker.
    """

    Settings: ClassVar[type[Settings]] = Settings
    """The type of this backend's settings: a subclass of `extauth.Settings`."""

    concurrency: int = 4
    """How many requests each worker has under way in this backend: so many threads, or tasks in the event loop.

    Use 1 if methods with `def` are not thread-safe.
    """

    repeatable: bool = False
    """Whether a request may be sent to this backend twice, for example because a worker has died.

    True for checks that leave no trace. False if a check counts: directories lock accounts after failed logins.
    """

    def __init__(self, settings: S, context: BackendContext) -> None:
        self.settings = settings
        self.context = context
        self.log = logging.getLogger(f"extauth.backend.{context.name}")
        self.seen_files: SeenFiles = {}
        self.file_contents: list[FileContents] = []
        self.damaged_files: list[str] = []

    def load(self) -> None:
        """Read the files that are served from memory. Runs again, in a new process, when one of them has changed."""

    def self_test(self) -> Awaitable[frozenset[str] | None] | frozenset[str] | None:
        """Try what passwords are checked with, and log the result with `self.log`.

        `extauth check` calls it after `load`. Raise an exception if no account can log in at the moment. You may return
        a frozenset of domains whose accounts cannot log in.
        """

    def usable_mechanisms(self) -> frozenset[str] | None:
        """Return which of CRAM-MD5 and APOP any account can use, for `extauth check`; None if you do not know."""
        return frozenset() if type(self).lookup_secret is Backend.lookup_secret else None

    def open(self) -> Awaitable[None] | None:
        """Connect. Runs once in each worker, before its first request."""

    def close(self) -> Awaitable[None] | None:
        """Disconnect. Runs in each worker that ends normally."""

    def on_idle(self) -> None:
        """Release what only requests need. Runs in each thread, or in the event loop, that has no more requests."""

    def verify_password(self, account: Account, password: Secret) -> Answer | Awaitable[Answer]:
        """Check the account's password. Return a `Verdict`; `Verdict.X.because("...")` gives the log a reason."""
        raise TypeError(f"{type(self).__name__} has no verify_password")

    def lookup_secret(self, account: Account) -> Credentials | Answer | Awaitable[Credentials | Answer]:
        """Return the account's clear-text password as a `Secret`, after every check except that of the password.

        CRAM-MD5 and APOP need it. For CRAM-MD5 alone, a `CramMd5Context` is enough. Without one, return a `Verdict`.
        """
        return Verdict.SCHEME_NOT_AVAILABLE.because("this backend holds no clear text")

    def knows_account(self, account: Account) -> Answer | Awaitable[Answer]:
        """Return OK if the account exists, also if it is locked or expired; USER_UNKNOWN if it does not exist.

        The mail server returns mail to unknown accounts: raise TemporaryFailure unless "unknown" is certain.
        """
        raise TemporaryFailure("this backend cannot say which accounts exist")

    def is_fast(self, account: Account) -> bool:
        """Return whether requests for this account take well under a millisecond and wait for nothing.

        Then they need no thread, and run beside the threads even if `concurrency` is 1. It is worth the trouble only if
        the check is a look into memory and a few microseconds of work. Not for methods with `async def`.
        """
        return False

    def read_file(self, path: Path, *, private: bool = True) -> bytes:
        """Read a file that only root or this process's user can have written. Reload when it changes.

        `private`: warn if every user can read the file. Raise ConfigError if it is unsafe, or if it cannot be read and
        has never been read; BackendUnavailable if it has been read before and cannot be read now.
        """
        try:
            file = read_trusted(path, allow_unsafe=self.context.allow_unsafe_files)
        except OSError as error:
            self.seen_files[path] = None
            if path in self.context.known_files:
                raise BackendUnavailable(f"{path}: {reason_of(error, path)}") from None
            raise ConfigError(f"{path}: {reason_of(error, path)}") from None
        if private and file.readable_by_everyone:
            self.log.warning("%s: every user can read this file; run: chmod o-r %s", path, path)
        self.seen_files[path] = file.signature
        return file.data

    def check_contents(self, path: Path, data: bytes, accounts: int) -> None:
        """Check a file of accounts that was read: it must not look damaged beside what an earlier load has found.

        `data`: its content. `accounts`: how many are in it. Raise ConfigError to keep the accounts of the earlier load,
        and BackendUnavailable if they are lost. A file that is not known, or comes with SIGHUP, only gets a warning.
        """
        found = FileContents(self.context.name, path, accounts, not data or data.endswith(b"\n"))
        history = self.context.history
        earlier = history.contents.get((found.backend, path))
        damage = found.damage_since(earlier) if earlier is not None else found.remark()
        if damage is not None and (earlier is None or history.on_damage is OnDamage.ACCEPT):
            self.log.warning("%s: %s; it is used as it is", path, damage)
        elif damage is not None:
            problem = f"{path}: {damage}; if the file is right, send SIGHUP"
            if history.on_damage is OnDamage.REFUSE:
                raise ConfigError(problem)
            self.damaged_files.append(f"no login with {problem}")
            raise BackendUnavailable(problem)
        self.file_contents.append(found)

    def watch(self, path: Path) -> None:
        """Reload when this file or folder changes, without reading it with `read_file`."""
        self.seen_files[path] = signature(path)

"""What the author of a backend subclasses. The built-in backends use only this, too."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import msgspec

from extauth.backends.steps import Steps
from extauth.errors import BackendUnavailable, ConfigError, TemporaryFailure
from extauth.mechanisms.credentials import Credentials
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.protocol.accounts import AccountParser
from extauth.settings import Settings
from extauth.trust import Signature, read_trusted, signature

SeenFiles = dict[Path, Signature | None]
"""Files and folders that were read, with their signature at that time; None if they could not be reached."""


class BackendContext(msgspec.Struct, frozen=True):
    """What the configuration says around a backend's own settings.

    `name`: the backend's name in the log. `domains`: the domains that it serves (None: every domain).
    `accounts`: the rules for canonical form. `deadline`: seconds after which extauth no longer waits for a verdict.
    `known_files`: files that an earlier load of the same configuration has read.
    """

    name: str
    domains: tuple[str, ...] | None
    accounts: AccountParser
    deadline: float
    allow_unsafe_files: bool = False
    known_files: frozenset[Path] = frozenset()


S = TypeVar("S", bound=Settings)


class Backend(Generic[S]):
    """Checks passwords. Override `verify_password`, and of the other methods what you need.

    extauth does the rest, and a backend cannot skip it: accounts come in canonical form, no password is empty, every
    request has a deadline, every verdict is logged. Every error that a method raises is a temporary failure and never
    an OK. Raise BackendUnavailable if your database or directory cannot be reached.

    Each worker process has its own object. `load` runs once, before the workers are forked: read files there, but
    start no thread and open no connection. `open` and `close` run in each worker.
    """

    Settings: ClassVar[type[Settings]] = Settings
    """The type of this backend's settings: a subclass of `extauth.Settings`."""

    concurrency: int = 4
    """How many requests a worker gives to this backend at the same time, each in its own thread.

    Use 1 if the backend is not thread-safe.
    """

    repeatable: bool = False
    """Whether a request may be sent to this backend twice, for example because a worker has died.

    True for checks that leave no trace. False if a check counts: directories lock accounts after failed logins.
    """

    fast_lookups: ClassVar[bool] = False
    """Whether `lookup_secret` and `knows_account` take well under a millisecond and wait for nothing."""

    concurrency_per_thread: int = 1
    """How many passwords each thread checks at the same time with `verify_in_steps`; 1: there is no such method."""

    def __init__(self, settings: S, context: BackendContext) -> None:
        self.settings = settings
        self.context = context
        self.log = logging.getLogger(f"extauth.backend.{context.name}")
        self.seen_files: SeenFiles = {}

    def load(self) -> None:
        """Read the files that are served from memory. Runs again, in a new process, when one of them has changed."""

    def self_test(self) -> None:
        """Try what passwords are checked with, and log the result with `self.log`.

        `extauth check` calls it after `load`. An unavailable database is no error here: the helper would start too.
        """

    def open(self) -> None:
        """Connect. Runs once in each worker, before its first request."""

    def close(self) -> None:
        """Disconnect. Runs in each worker that ends normally."""

    def on_idle(self) -> None:
        """Release what this thread needs only for requests. Runs when no request waits for this backend."""

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Check the account's password. `Verdict.X.because("...")` gives the log a reason."""
        raise TypeError(f"{type(self).__name__} has no verify_password")

    def verify_in_steps(self, account: Account, password: Secret) -> Steps[Verdict | VerdictResult]:
        """Do the same as `verify_password`, in steps. Used if `concurrency_per_thread` is more than 1.

        It yields what it waits for. Meanwhile other checks start, and `on_idle` may run. It is closed when no request
        waits for it any more.
        """
        raise TypeError(f"{type(self).__name__} has no verify_in_steps")

    def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """Return the account's clear-text password, after every check except that of the password.

        CRAM-MD5 and APOP need it. For CRAM-MD5 alone, a `CramMd5Context` is enough.
        """
        return Verdict.SCHEME_NOT_AVAILABLE.because("this backend holds no clear text")

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Return OK if the account exists, also if it is locked or expired; USER_UNKNOWN if it does not exist.

        The mail server returns mail to unknown accounts: raise TemporaryFailure unless "unknown" is certain.
        """
        raise TemporaryFailure("this backend cannot say which accounts exist")

    def verify_fast(self, account: Account, password: Secret) -> Verdict | VerdictResult | None:
        """Do the same as `verify_password` if it takes under a millisecond and waits for nothing; else return None.

        It runs outside of the backend's threads, beside `verify_password`, even if `concurrency` is 1. It may be called
        twice for a request.
        """
        return None

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
                raise BackendUnavailable(f"{path}: {error.strerror}") from None
            raise ConfigError(f"{path}: {error.strerror}") from None
        if private and file.readable_by_everyone:
            self.log.warning("%s: every user can read this file; run: chmod o-r %s", path, path)
        self.seen_files[path] = file.signature
        return file.data

    def watch(self, path: Path) -> None:
        """Reload when this file or folder changes, without reading it with `read_file`."""
        self.seen_files[path] = signature(path)

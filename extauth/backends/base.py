"""What the author of a backend subclasses. The built-in backends use nothing else."""

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
"""Files and folders that something was read from, as they were then; None for one that was out of reach."""


class BackendContext(msgspec.Struct, frozen=True):
    """What the configuration says around a backend's own settings.

    `name` is the backend's in the log, `domains` the ones it serves (None: every one), `accounts` the rules of
    canonical form, `deadline` the seconds after which nobody waits for an answer any more, `before` the files that an
    earlier reading of the same configuration has seen.
    """

    name: str
    domains: tuple[str, ...] | None
    accounts: AccountParser
    deadline: float
    allow_unsafe_files: bool = False
    known_files: frozenset[Path] = frozenset()


S = TypeVar("S", bound=Settings)


class Backend(Generic[S]):
    """Somebody who knows passwords. Override `verify_password`, and of the rest what you need.

    Around it, and not to be skipped: accounts come in canonical form, no password is empty, every request has a
    deadline, every decision is logged. Whatever a method raises is "cannot tell", never "yes": raise
    BackendUnavailable for an outage.

    Each worker process has an object of its own. `load` runs once, before the workers are forked from that process:
    read files there, but start no thread and open no connection. `open` and `close` run in each worker.
    """

    Settings: ClassVar[type[Settings]] = Settings
    """The type of this backend's settings: a subclass of `extauth.Settings`."""

    threads: ClassVar[int] = 4
    """How many requests a worker has this backend check at once; 1 where it is not thread-safe."""

    fast_lookups: ClassVar[bool] = False
    """Whether `lookup_secret` and `knows_account` take well under a millisecond, and wait for nothing."""

    at_once: ClassVar[int] = 1
    """How many passwords each of these threads has checked at once, by `verify_in_steps`; 1: there is none."""

    def __init__(self, settings: S, context: BackendContext) -> None:
        self.settings = settings
        self.context = context
        self.log = logging.getLogger(f"extauth.backend.{context.name}")
        self.seen: SeenFiles = {}

    def load(self) -> None:
        """Read what is served from memory. Runs again, in a new process, when a file that it read has changed."""

    def self_test(self) -> None:
        """Reach for what passwords are checked with, and say by `self.log` what came of it.

        `extauth check` calls it after `load`. What is out of reach is no failure of that: the helper would start too.
        """

    def open(self) -> None:
        """Connect: once in each worker, before its first request."""

    def close(self) -> None:
        """Disconnect: in each worker, when it ends in peace."""

    def rest(self) -> None:
        """Let go of what this thread does not need while nobody asks: called where no more requests wait for it."""

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Whether this is the account's password. `Verdict.X.because("...")` gives the log a reason."""
        raise TypeError(f"{type(self).__name__} has no verify_password")

    def verify_in_steps(self, account: Account, password: Secret) -> Steps[Verdict | VerdictResult]:
        """What `verify_password` would say, called in its place where `at_once` is more than 1.

        It yields what it waits for; others begin, and `rest` is called, meanwhile. When nobody waits for it any more
        it is closed.
        """
        raise TypeError(f"{type(self).__name__} has no verify_in_steps")

    def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """The account's clear-text password, which secure methods need, after every check but that of the password.

        Or, for CRAM-MD5 alone, a `CramMd5Context`.
        """
        return Verdict.SCHEME_NOT_AVAILABLE.because("this backend holds no clear text")

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Whether there is such an account: USER_UNKNOWN, or OK, also where it is locked or expired.

        Mail to accounts that nobody knows is returned to its sender: raise TemporaryFailure where "no" is not certain.
        """
        raise TemporaryFailure("this backend cannot say which accounts there are")

    def verify_fast(self, account: Account, password: Secret) -> Verdict | VerdictResult | None:
        """What `verify_password` would say, if that takes well under a millisecond and waits for nothing; else None.

        It needs no thread then. Called beside `verify_password`, also where `threads` is 1.
        """
        return None

    def read_file(self, path: Path, *, private: bool = True) -> bytes:
        """Read a file that only root or this process's user can have written, and have it watched for changes.

        `private`: warn when everyone can read it. Raises ConfigError where it is unsafe, or out of reach although it
        has never been seen; BackendUnavailable where it has been seen and is now out of reach.
        """
        try:
            file = read_trusted(path, allow_unsafe=self.context.allow_unsafe_files)
        except OSError as error:
            self.seen[path] = None
            if path in self.context.known_files:
                raise BackendUnavailable(f"{path}: {error.strerror}") from None
            raise ConfigError(f"{path}: {error.strerror}") from None
        if private and file.readable_by_everyone:
            self.log.warning("%s: is readable by everyone; run: chmod o-r %s", path, path)
        self.seen[path] = file.signature
        return file.data

    def watch(self, path: Path) -> None:
        """Have a file or folder watched for changes that is not read through `read_file`."""
        self.seen[path] = signature(path)

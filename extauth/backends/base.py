"""What the author of a backend subclasses. The built-in backends use only this, too.

It has three more methods, for files: `read_file`, `check_contents` and `watch`. They are in `watched_files`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar, Generic, TypeVar

from extauth.backends.context import BackendContext
from extauth.backends.watched_files import WatchedFiles
from extauth.errors import TemporaryFailure
from extauth.mechanisms import Credentials
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.settings import Settings

S = TypeVar("S", bound=Settings)
Answer = Verdict | VerdictResult


class Backend(WatchedFiles, Generic[S]):
    """Checks passwords. Write `verify_password`, and of the other methods what you need.

    Write `verify_password`, `lookup_secret` and `knows_account` all with `def`, or all with `async def`. Those with
    `def` run in threads. Those with `async def` run in an event loop of their own, and are cancelled when their time is
    over. `open`, `close` and `self_test` may be either.

    extauth does the rest, and a backend cannot skip it: accounts come in canonical form, no password is empty, every
    request has a deadline, every verdict is logged. Every error that a method raises is a temporary failure and never
    an OK. Raise BackendUnavailable if your database or directory cannot be reached.

    `self.settings`, `self.context` and `self.log`, a Python logger, are there for you.

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
        super().__init__(context)
        self.settings = settings

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

        You may return a `KnownAccount` instead of OK, with the attributes that `self.context.attributes` names:
        `[provision]` uses them when it creates the account.
        """
        raise TemporaryFailure("this backend cannot say which accounts exist")

    def load(self) -> None:
        """Read the files that are served from memory. Runs again, in a new process, when one of them has changed."""

    def open(self) -> Awaitable[None] | None:
        """Connect. Runs once in each worker, before its first request."""

    def close(self) -> Awaitable[None] | None:
        """Disconnect. Runs in each worker that ends normally."""

    def on_idle(self) -> None:
        """Release what only requests need. Runs in each thread, or in the event loop, that has no more requests."""

    def is_fast(self, account: Account) -> bool:
        """Return whether requests for this account take well under a millisecond and wait for nothing.

        Then they need no thread, and run beside the threads even if `concurrency` is 1. It is worth the trouble only if
        the check is a look into memory and a few microseconds of work. Not for methods with `async def`.
        """
        return False

    def self_test(self) -> Awaitable[frozenset[str] | None] | frozenset[str] | None:
        """Try what passwords are checked with, and log the result with `self.log`.

        `extauth check` calls it after `load`. Raise an exception if no account can log in at the moment. You may return
        a frozenset of domains whose accounts cannot log in.
        """

    def usable_mechanisms(self) -> frozenset[str] | None:
        """Return which of CRAM-MD5 and APOP any account can use, for `extauth check`; None if you do not know."""
        return frozenset() if type(self).lookup_secret is Backend.lookup_secret else None

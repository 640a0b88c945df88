"""A backend that breaks its contract: the password, or the account where there is none, says in which way."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from typing import Any

from extauth import (
    Account,
    Backend,
    BackendUnavailable,
    ConfigError,
    CramMd5Context,
    Secret,
    Settings,
    TemporaryFailure,
    Verdict,
    VerdictResult,
)
from extauth.model import SecretResult


class Own(enum.Enum):
    """A closed list of its own."""

    OK = 0


class Unspeakable(Exception):
    """Not even its message can be had."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


class UnspeakableToo(TemporaryFailure):
    """Nor can this one's."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


def raises(error: BaseException) -> Any:
    raise error


def recurses() -> Any:
    return recurses()


VERIFY: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "the text OK": lambda: "OK",
    "the number 1": lambda: 1,
    "the class Verdict": lambda: Verdict,
    "a verdict of its own": lambda: Own.OK,
    "OK in a list": lambda: [Verdict.OK],
    "a VerdictResult with a text": lambda: VerdictResult("OK"),  # type: ignore[arg-type]
    "a reason that is no text": lambda: VerdictResult(Verdict.OK, reason=None),  # type: ignore[arg-type]
    "a generator": lambda: (verdict for verdict in [Verdict.OK]),
    "SystemExit": lambda: sys.exit(0),
    "KeyboardInterrupt": lambda: raises(KeyboardInterrupt()),
    "GeneratorExit": lambda: raises(GeneratorExit()),
    "StopIteration": lambda: next(iter(())),
    "RecursionError": recurses,
    "MemoryError": lambda: bytearray(2**62),
    "ConfigError": lambda: raises(ConfigError("a setting")),
    "BackendUnavailable": lambda: raises(BackendUnavailable("an outage")),
    "half a surrogate": lambda: raises(BackendUnavailable("\udcff\ud800")),
    "an outage without a text": lambda: raises(BackendUnavailable(None, object())),
    "an exception without a message": lambda: raises(Unspeakable()),
    "a verdict taken for a truth": lambda: Verdict.PASSWORD_MISMATCH and Verdict.OK,
}

LOOKUP: dict[str, Callable[[], Any]] = {
    "ok": lambda: Verdict.OK,
    "ok-because": lambda: Verdict.OK.because("of nothing"),
    "none": lambda: None,
    "true": lambda: True,
    "text": lambda: "open sesame",
    "bytes": lambda: b"open sesame",
    "secret-text": lambda: Secret("open sesame"),  # type: ignore[arg-type]
    "secret-none": lambda: Secret(None),  # type: ignore[arg-type]
    "context-none": lambda: CramMd5Context(None),  # type: ignore[arg-type]
    "disclosed": lambda: SecretResult(Verdict.OK, secret=Secret(b"open sesame")),
    "raises": lambda: raises(KeyError("open sesame")),
}

EMPTY = {"empty": Secret(b""), "empty-context": CramMd5Context.of(Secret(b""))}

KNOWS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "text": lambda: "USER_UNKNOWN",
    "mismatch": lambda: Verdict.PASSWORD_MISMATCH,
    "scheme": lambda: Verdict.SCHEME_NOT_AVAILABLE.because("of nothing"),
    "raises": lambda: raises(KeyError("USER_UNKNOWN")),
    "outage": lambda: raises(BackendUnavailable("an outage")),
    "cannot-tell": lambda: raises(TemporaryFailure("no list of accounts")),
    "unspeakable": lambda: raises(UnspeakableToo()),
}

LEAKS: dict[str, Callable[[Backend[Settings], Secret], Any]] = {
    "in-an-error": lambda _, password: raises(ValueError(password.reveal())),
    "in-an-outage": lambda _, password: raises(BackendUnavailable(f"no {password.reveal().decode()} here")),
    "in-its-repr": lambda _, password: raises(BackendUnavailable(repr(password.reveal()))),
    "in-the-repr-of-a-text": lambda _, password: raises(BackendUnavailable(repr(password.reveal().decode()))),
    "in-a-reason": lambda _, password: Verdict.PASSWORD_MISMATCH.because(password.reveal().decode()),
    "as-a-secret": lambda backend, password: backend.log.error("%s %r", password, password),
    "in-a-traceback": lambda backend, password: logged(backend, password.reveal()),
}


def logged(backend: Backend[Settings], password: bytes) -> None:
    try:
        raise ValueError(password)
    except ValueError:
        backend.log.exception("failed")
        raise


class Answers(Backend[Settings]):
    """Takes it from the tables above."""

    def verify_password(self, account: Account, password: Secret) -> Any:
        if account.name in LEAKS:
            return LEAKS[account.name](self, password)
        return VERIFY.get(password.reveal().decode(), lambda: Verdict.OK)()

    def lookup_secret(self, account: Account) -> Any:
        if account.name in EMPTY:
            return EMPTY[account.name]
        return LOOKUP.get(account.name, lambda: Secret(b"open sesame"))()

    def knows_account(self, account: Account) -> Any:
        return KNOWS.get(account.name, lambda: Verdict.USER_UNKNOWN)()

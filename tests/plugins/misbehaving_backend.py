"""A backend that breaks the rules for backends. The password or the account name says how."""

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
    KnownAccount,
    Secret,
    Settings,
    TemporaryFailure,
    Verdict,
    VerdictResult,
)
from extauth.model import SecretResult


class OtherVerdict(enum.Enum):
    """An enum that is not Verdict."""

    OK = 0


class ErrorWithoutMessage(Exception):
    """Its message raises."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


class FailureWithoutMessage(TemporaryFailure):
    """Its message raises, too."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


def raises(error: BaseException) -> Any:
    raise error


def recurses() -> Any:
    return recurses()


VERIFY_RESULTS: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "the text OK": lambda: "OK",
    "the number 1": lambda: 1,
    "the class Verdict": lambda: Verdict,
    "an OK of another enum": lambda: OtherVerdict.OK,
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
    "BackendUnavailable": lambda: raises(BackendUnavailable("connection refused")),
    "half a surrogate": lambda: raises(BackendUnavailable("\udcff\ud800")),
    "BackendUnavailable without a text": lambda: raises(BackendUnavailable(None, object())),
    "an exception without a message": lambda: raises(ErrorWithoutMessage()),
    "a verdict used as a boolean": lambda: Verdict.PASSWORD_MISMATCH and Verdict.OK,
}

SECRET_RESULTS: dict[str, Callable[[], Any]] = {
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

EMPTY_SECRETS = {"empty": Secret(b""), "empty-context": CramMd5Context.of(Secret(b""))}

ACCOUNT_RESULTS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "text": lambda: "USER_UNKNOWN",
    "mismatch": lambda: Verdict.PASSWORD_MISMATCH,
    "scheme": lambda: Verdict.SCHEME_NOT_AVAILABLE.because("of nothing"),
    "attributes": lambda: KnownAccount(Verdict.OK, attributes={"cn": "text"}),  # type: ignore[dict-item]
    "raises": lambda: raises(KeyError("USER_UNKNOWN")),
    "unavailable": lambda: raises(BackendUnavailable("connection refused")),
    "temporary-failure": lambda: raises(TemporaryFailure("no list of accounts")),
    "no-message": lambda: raises(FailureWithoutMessage()),
}

LEAKS: dict[str, Callable[[Backend[Settings], Secret], Any]] = {
    "in-an-error": lambda _, password: raises(ValueError(password.reveal())),
    "in-backend-unavailable": lambda _, password: raises(BackendUnavailable(f"no {password.reveal().decode()} here")),
    "in-its-repr": lambda _, password: raises(BackendUnavailable(repr(password.reveal()))),
    "in-the-repr-of-a-text": lambda _, password: raises(BackendUnavailable(repr(password.reveal().decode()))),
    "in-a-reason": lambda _, password: Verdict.PASSWORD_MISMATCH.because(password.reveal().decode()),
    "as-a-secret": lambda backend, password: backend.log.error("%s %r", password, password),
    "in-a-traceback": lambda backend, password: log_and_raise(backend, password.reveal()),
}


def log_and_raise(backend: Backend[Settings], password: bytes) -> None:
    try:
        raise ValueError(password)
    except ValueError:
        backend.log.exception("failed")
        raise


class MisbehavingBackend(Backend[Settings]):
    """Looks up what to do in the tables above."""

    def verify_password(self, account: Account, password: Secret) -> Any:
        if account.name in LEAKS:
            return LEAKS[account.name](self, password)
        return VERIFY_RESULTS.get(password.reveal().decode(), lambda: Verdict.OK)()

    def lookup_secret(self, account: Account) -> Any:
        if account.name in EMPTY_SECRETS:
            return EMPTY_SECRETS[account.name]
        return SECRET_RESULTS.get(account.name, lambda: Secret(b"open sesame"))()

    def knows_account(self, account: Account) -> Any:
        return ACCOUNT_RESULTS.get(account.name, lambda: Verdict.USER_UNKNOWN)()

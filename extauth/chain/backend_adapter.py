"""Requests to calls of a backend's methods, and what these return to results. A wrong type is a bug of the backend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from extauth.backends.base import Backend
from extauth.backends.steps import Steps, Wait
from extauth.chain.call_marks import CALLED, IN_CALL
from extauth.errors import UnexpectedError
from extauth.mechanisms import MECHANISMS
from extauth.mechanisms.credentials import EMPTY_PASSWORD_CONTEXT, CramMd5Context, Credentials
from extauth.model import (
    Account,
    AccountRequest,
    PasswordRequest,
    Request,
    ResponseRequest,
    Result,
    Secret,
    SecretRequest,
    SecretResult,
    Verdict,
    VerdictResult,
)
from extauth.protocol.replies import one_line

_IN_FAST_CALL = CALLED | IN_CALL
_EXISTS = (Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED)
_MAX_DESCRIPTOR = 1 << 31
_DUMMY_PASSWORD = Secret(b"the password of an account that has none")
_DUMMY_CONTEXT = CramMd5Context.of(_DUMMY_PASSWORD)


class BackendAdapter:
    """Calls one backend and checks what it returns. Raises UnexpectedError, and every error of the backend."""

    def __init__(self, backend: Backend[Any], *, readplain: bool) -> None:
        self._backend = backend
        self._name = backend.context.name
        self._readplain = readplain
        self._without_reason = {verdict: VerdictResult(verdict, self._name) for verdict in Verdict}
        self._dummy: Credentials = _DUMMY_PASSWORD

    def call(self, request: Request) -> Result:
        """Return the backend's result."""
        if isinstance(request, PasswordRequest):
            returned = self._backend.verify_password(request.account, request.password)
            return self._checked(returned, request, "verify_password")
        if isinstance(request, AccountRequest):
            return self._call_knows_account(request)
        if isinstance(request, SecretRequest):
            return self._call_lookup_secret(request)
        return self._checked(self._verify_response(request), request, "lookup_secret")

    def call_fast(
        self, requests: Sequence[Request], results: list[Result | None], slots: Sequence[int], called: memoryview
    ) -> None:
        """Add to `results` what the backend returns at once for the requests that have no result yet, or None.

        `called`: the marks of the requests, by their slots.
        """
        verify_fast, fast_lookups, without_reason = (
            self._backend.verify_fast,
            self._backend.fast_lookups,
            self._without_reason,
        )
        for slot, request in islice(zip(slots, requests, strict=True), len(results), None):
            called[slot] = _IN_FAST_CALL
            if type(request) is not PasswordRequest:
                results.append(self.call(request) if fast_lookups is True else None)
                called[slot] = CALLED
                continue
            returned = verify_fast(request.account, request.password)
            called[slot] = CALLED
            if type(returned) is Verdict:
                results.append(without_reason[returned])
            else:
                results.append(None if returned is None else self._checked(returned, request, "verify_fast"))

    def call_in_steps(self, request: Request) -> Steps[Result]:
        """Return the same as `call`, in steps: the backend says in between what it waits for."""
        if not isinstance(request, PasswordRequest):
            yield None
            return self.call(request)
        returned = yield from self._backend.verify_in_steps(request.account, request.password)
        return self._checked(returned, request, "verify_in_steps")

    def _verify_response(self, request: ResponseRequest) -> Verdict | VerdictResult:
        """Check a response. Without credentials do the same work with dummy ones, so that time tells nothing."""
        found = self._credentials(request.account)
        verify = MECHANISMS[request.mechanism]
        if isinstance(found, Verdict | VerdictResult):
            verify(self._dummy, request.response, request.challenge)
            return found
        self._dummy = (
            _DUMMY_PASSWORD if isinstance(found, Secret) else _DUMMY_CONTEXT
        )  # the kind that this backend holds
        return verify(found, request.response, request.challenge)

    def _call_knows_account(self, request: AccountRequest) -> VerdictResult:
        result = self._checked(self._backend.knows_account(request.account), request, "knows_account")
        if result.verdict in _EXISTS:
            return VerdictResult(Verdict.OK, result.backend, result.reason)
        if result.verdict is Verdict.USER_UNKNOWN:
            return result
        raise UnexpectedError(f"knows_account returned {result.verdict.name}, which says nothing about the account")

    def _call_lookup_secret(self, request: SecretRequest) -> VerdictResult:
        """Return the clear-text password, or why not. Backends without `readplain` are called too: a lock counts."""
        found = self._credentials(request.account)
        if isinstance(found, Secret) and self._readplain:
            return SecretResult(Verdict.OK, self._name, secret=found)
        if isinstance(found, Secret):
            found = Verdict.SCHEME_NOT_AVAILABLE.because("readplain = false")
        elif isinstance(found, CramMd5Context):
            found = Verdict.SCHEME_NOT_AVAILABLE.because("a CRAM-MD5 context is not a clear text")
        return self._checked(found, request, "lookup_secret")

    def _credentials(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """Return the credentials that the backend holds for an account, or why it has none."""
        found = self._backend.lookup_secret(account)
        if isinstance(found, Secret | CramMd5Context):
            is_empty = found.matches(b"") if isinstance(found, Secret) else found.matches(EMPTY_PASSWORD_CONTEXT)
            return Verdict.USER_DISABLED.because("the stored password is empty") if is_empty else found
        if not isinstance(found, Verdict | VerdictResult):
            raise UnexpectedError(f"lookup_secret returned {type(found).__name__}: must be a Secret or a Verdict")
        if found is Verdict.OK or (isinstance(found, VerdictResult) and found.verdict is Verdict.OK):
            raise UnexpectedError("lookup_secret returned OK: must be a Secret, or a Verdict that says why not")
        return found

    def _checked(self, returned: object, request: Request, method: str) -> VerdictResult:
        """Return what a method returned as a result of this backend."""
        if isinstance(returned, Verdict):
            return self._without_reason[returned]
        if (
            isinstance(returned, VerdictResult)
            and isinstance(returned.verdict, Verdict)
            and isinstance(returned.reason, str)
        ):
            return VerdictResult(returned.verdict, self._name, loggable_reason(returned.reason, request))
        raise UnexpectedError(f"{method} returned {type(returned).__name__}: must be a Verdict")


def next_step(steps: Steps[Result], patience: float) -> Wait | Result | None:
    """Take the next step. Return what it waits for, or the result. Raise the errors of the backend.

    `patience`: take steps for about so many seconds, up to one that cannot wait by itself.
    """
    seconds: float | None = None
    until = time.monotonic() + patience if patience else 0.0
    while True:
        try:
            yielded = steps.send(seconds)
        except StopIteration as end:
            result: Result = end.value
            return result
        if yielded is None:
            return None
        if not _is_valid_wait(yielded):
            steps.close()
            raise UnexpectedError(f"verify_in_steps yielded {type(yielded).__name__}: must be a Wait with a descriptor")
        if not (patience and yielded.can_block) or (seconds := until - time.monotonic()) <= 0:
            return yielded


def _is_valid_wait(yielded: object) -> bool:
    return (
        type(yielded) is Wait
        and type(yielded.fileno) is int
        and 0 <= yielded.fileno < _MAX_DESCRIPTOR
        and isinstance(yielded.until, float)
        and yielded.until == yielded.until
    )


def loggable_reason(reason: str, request: Request) -> str:
    """Return `reason` as one line for the log. It is withheld if it contains the password."""
    if not reason:
        return ""
    reason = one_line(reason)
    if isinstance(request, PasswordRequest):
        password = request.password.reveal()
        text = password.decode(errors="surrogateescape")
        for shown in (text, repr(text)[1:-1], repr(password)[2:-1], ascii(text)[1:-1]):
            if shown in reason:
                return "the reason is withheld: it contains the password"
    return reason

"""What a backend may be asked, and what it may answer: anything else is a bug of the backend's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from extauth.backends.base import Backend
from extauth.backends.steps import Steps, Wait
from extauth.errors import TemporaryFailure, UnexpectedError
from extauth.mechanisms import MECHANISMS
from extauth.mechanisms.credentials import EMPTY_PASSWORD_CONTEXT, CramMd5Context, Credentials
from extauth.model import (
    Account,
    AccountRequest,
    FailureResult,
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

_KNOWN = (Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED)
_DESCRIPTORS = 1 << 31
_PASSWORD = Secret(b"that of an account that has none")
_CONTEXT = CramMd5Context.of(_PASSWORD)


class BackendAdapter:
    """Puts questions to one backend, and holds it to the contract. Raises UnexpectedError, and whatever the backend does."""

    def __init__(self, backend: Backend[Any], *, readplain: bool) -> None:
        self._backend = backend
        self._name = backend.context.name
        self._readplain = readplain
        self._bare = {
            verdict: VerdictResult(verdict, self._name) for verdict in Verdict
        }  # of those that have no reason
        self._stand_in: Credentials = _PASSWORD

    def decide(self, question: Request) -> Result:
        """What the backend says."""
        try:
            if isinstance(question, PasswordRequest):
                found = self._backend.verify_password(question.account, question.password)
                return self._decided(found, question, "verify_password")
            if isinstance(question, AccountRequest):
                return self._look_up_account(question)
            if isinstance(question, SecretRequest):
                return self._look_up_secret(question)
            return self._decided(self._check_response(question), question, "lookup_secret")
        except TemporaryFailure as error:
            return self._cannot_tell(error, question)

    def decide_if_quick(self, questions: Sequence[Request], answers: list[Result | None]) -> None:
        """Add what the backend says at once to as many of the questions as it has no answer to yet, or None."""
        verify, fast_lookups, bare = self._backend.verify_fast, self._backend.fast_lookups, self._bare
        for question in islice(questions, len(answers), None):
            if type(question) is not PasswordRequest:
                answers.append(self.decide(question) if fast_lookups is True else None)
                continue
            try:
                found = verify(question.account, question.password)
            except TemporaryFailure as error:
                answers.append(self._cannot_tell(error, question))
                continue
            if type(found) is Verdict:
                answers.append(bare[found])
            else:
                answers.append(None if found is None else self._decided(found, question, "verify_fast"))

    def decide_in_steps(self, question: Request) -> Steps[Result]:
        """The same, where the backend says in between what it waits for."""
        if not isinstance(question, PasswordRequest):
            yield None
            return self.decide(question)
        try:
            found = yield from self._backend.verify_in_steps(question.account, question.password)
            return self._decided(found, question, "verify_in_steps")
        except TemporaryFailure as error:
            return self._cannot_tell(error, question)

    def _check_response(self, question: ResponseRequest) -> Verdict | VerdictResult:
        """The verdict on a response; the same work is done, in vain, where there is nothing to check it with."""
        found = self._credentials(question.account)
        verify = MECHANISMS[question.mechanism]
        if isinstance(found, Verdict | VerdictResult):
            verify(self._stand_in, question.response, question.challenge)
            return found
        self._stand_in = _PASSWORD if isinstance(found, Secret) else _CONTEXT  # of the kind that this backend holds
        return verify(found, question.response, question.challenge)

    def _look_up_account(self, question: AccountRequest) -> VerdictResult:
        decided = self._decided(self._backend.knows_account(question.account), question, "knows_account")
        if decided.verdict in _KNOWN:
            return VerdictResult(Verdict.OK, decided.backend, decided.reason)
        if decided.verdict is Verdict.USER_UNKNOWN:
            return decided
        raise UnexpectedError(f"knows_account returned {decided.verdict.name}, which says nothing of the account")

    def _look_up_secret(self, question: SecretRequest) -> VerdictResult:
        """The password in the clear; why not, where the backend may not give it away too, so that its locks count."""
        found = self._credentials(question.account)
        if isinstance(found, Secret) and self._readplain:
            return SecretResult(Verdict.OK, self._name, secret=found)
        if isinstance(found, Secret):
            found = Verdict.SCHEME_NOT_AVAILABLE.because("readplain = false")
        elif isinstance(found, CramMd5Context):
            found = Verdict.SCHEME_NOT_AVAILABLE.because("a CRAM-MD5 context is no clear text")
        return self._decided(found, question, "lookup_secret")

    def _credentials(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """What the backend holds for an account, or why it has nothing to give."""
        found = self._backend.lookup_secret(account)
        if isinstance(found, Secret | CramMd5Context):
            is_empty = found.matches(b"") if isinstance(found, Secret) else found.matches(EMPTY_PASSWORD_CONTEXT)
            return Verdict.USER_DISABLED.because("the stored password is empty") if is_empty else found
        if not isinstance(found, Verdict | VerdictResult):
            raise UnexpectedError(f"lookup_secret returned {type(found).__name__}, which is no Secret and no Verdict")
        if found is Verdict.OK or (isinstance(found, VerdictResult) and found.verdict is Verdict.OK):
            raise UnexpectedError("lookup_secret returned OK, which is no password")
        return found

    def _cannot_tell(self, error: TemporaryFailure, question: Request) -> FailureResult:
        return FailureResult(self._name, loggable_reason(str(error), question))

    def _decided(self, found: object, question: Request, method: str) -> VerdictResult:
        if isinstance(found, Verdict):
            return self._bare[found]
        if isinstance(found, VerdictResult) and isinstance(found.verdict, Verdict) and isinstance(found.reason, str):
            return VerdictResult(found.verdict, self._name, loggable_reason(found.reason, question))
        raise UnexpectedError(f"{method} returned {type(found).__name__}, which is no Verdict")


def advance(steps: Steps[Result], patience: float) -> Wait | Result | None:
    """Take the next step: what is waited for then, or what the backend says at last. Raises what the steps do.

    With `patience`, for about so many seconds, all steps up to one that cannot wait in itself.
    """
    seconds: float | None = None
    until = time.monotonic() + patience if patience else 0.0
    while True:
        try:
            found = steps.send(seconds)
        except StopIteration as end:
            decision: Result = end.value
            return decision
        if found is None:
            return None
        if not _is_wait(found):
            steps.close()
            raise UnexpectedError(f"verify_in_steps yielded {type(found).__name__}, which is no sound Wait")
        if not (patience and found.can_block) or (seconds := until - time.monotonic()) <= 0:
            return found


def _is_wait(found: object) -> bool:
    return (
        type(found) is Wait
        and type(found.fileno) is int
        and 0 <= found.fileno < _DESCRIPTORS
        and isinstance(found.until, float)
        and found.until == found.until
    )


def loggable_reason(reason: str, question: Request) -> str:
    """`reason` as text that can travel, unless a backend has put the password into it."""
    if not reason:
        return ""
    reason = one_line(reason)
    if isinstance(question, PasswordRequest):
        password = question.password.reveal()
        text = password.decode(errors="surrogateescape")
        for shown in (text, repr(text)[1:-1], repr(password)[2:-1], ascii(text)[1:-1]):
            if shown in reason:
                return "the reason is withheld: it holds what the password holds"
    return reason

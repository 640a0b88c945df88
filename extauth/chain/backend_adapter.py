"""Requests to calls of a backend's methods, and what these return to results. A wrong type is a bug of the backend."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from itertools import islice
from typing import Any

import msgspec

from extauth.backends.base import Backend
from extauth.chain.call_marks import CALLED, IN_CALL
from extauth.chain.password_masking import loggable_reason
from extauth.errors import UnexpectedError
from extauth.mechanisms import EMPTY_PASSWORD_CONTEXT, MECHANISMS, CramMd5Context, Credentials
from extauth.model import (
    AccountRequest,
    KnownAccount,
    PasswordRequest,
    ProvisionRequest,
    Request,
    ResponseRequest,
    Result,
    Secret,
    SecretRequest,
    SecretResult,
    Verdict,
    VerdictResult,
)

_IN_FAST_CALL = CALLED | IN_CALL
_EXISTS = (Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED)
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
        if type(request) is PasswordRequest:
            returned = self._backend.verify_password(request.account, request.password)
            return self._checked(returned, request, "verify_password")
        if type(request) is AccountRequest:
            return self._known(self._backend.knows_account(request.account), request)
        return self._looked_up(self._backend.lookup_secret(request.account), request)

    async def call_async(self, request: Request) -> Result:
        """Do the same with a backend whose methods are written with `async def`."""
        if type(request) is PasswordRequest:
            returned = await self._backend.verify_password(request.account, request.password)  # type: ignore[misc]
            return self._checked(returned, request, "verify_password")
        if type(request) is AccountRequest:
            return self._known(await awaited(self._backend.knows_account(request.account)), request)
        if type(request) is ProvisionRequest:
            create = self._backend.create  # type: ignore[attr-defined]  # only the provisioner gets such a request
            return self._checked(await create(request.account, request.attributes), request, "create")
        return self._looked_up(await awaited(self._backend.lookup_secret(request.account)), request)

    def call_fast(
        self, requests: Sequence[Request], results: list[Result | None], slots: Sequence[int], called: memoryview
    ) -> None:
        """Add to `results` those of the requests that have none yet, or None where the backend is not fast.

        `called`: the marks of the requests, by their slots.
        """
        is_fast = self._backend.is_fast
        for slot, request in islice(zip(slots, requests, strict=True), len(results), None):
            called[slot] = _IN_FAST_CALL
            results.append(self.call(request) if is_fast(request.account) is True else None)
            called[slot] = CALLED

    def _looked_up(self, returned: object, request: Request) -> VerdictResult:
        """Return the result of a request that needs a stored password, from what `lookup_secret` returned."""
        found = self._credentials(returned)
        if type(request) is SecretRequest:
            return self._secret(found, request)
        assert type(request) is ResponseRequest
        return self._checked(self._verify_response(found, request), request, "lookup_secret")

    def _verify_response(
        self, found: Credentials | Verdict | VerdictResult, request: ResponseRequest
    ) -> Verdict | VerdictResult:
        """Check a response. Without credentials do the same work with dummy ones, so that time tells nothing."""
        verify = MECHANISMS[request.mechanism]
        if isinstance(found, Verdict | VerdictResult):
            verify(self._dummy, request.response, request.challenge)
            return found
        self._dummy = (
            _DUMMY_PASSWORD if isinstance(found, Secret) else _DUMMY_CONTEXT
        )  # the kind that this backend holds
        return verify(found, request.response, request.challenge)

    def _known(self, returned: object, request: AccountRequest) -> VerdictResult:
        result = self._checked(returned, request, "knows_account")
        if result.verdict in _EXISTS:
            attributes = returned.attributes if isinstance(returned, KnownAccount) else {}
            return KnownAccount(Verdict.OK, result.backend, result.reason, attributes=_checked_attributes(attributes))
        if result.verdict is Verdict.USER_UNKNOWN:
            return result
        raise UnexpectedError(f"knows_account returned {result.verdict.name}, which says nothing about the account")

    def _secret(self, found: Credentials | Verdict | VerdictResult, request: SecretRequest) -> VerdictResult:
        """Return the clear-text password, or why not. Backends without `readplain` are called too: a lock counts."""
        if isinstance(found, Secret) and self._readplain:
            return SecretResult(Verdict.OK, self._name, secret=found)
        if isinstance(found, Secret):
            found = Verdict.SCHEME_NOT_AVAILABLE.because("readplain = false")
        elif isinstance(found, CramMd5Context):
            found = Verdict.SCHEME_NOT_AVAILABLE.because("a CRAM-MD5 context is not a clear text")
        return self._checked(found, request, "lookup_secret")

    def _credentials(self, found: object) -> Credentials | Verdict | VerdictResult:
        """Check what `lookup_secret` returned: the credentials of an account, or why it has none."""
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


def _checked_attributes(attributes: object) -> dict[str, tuple[str, ...]]:
    try:
        return msgspec.convert(attributes, dict[str, tuple[str, ...]])
    except msgspec.ValidationError:
        raise UnexpectedError("knows_account returned attributes that are not lists of texts by name") from None


async def awaited(returned: object) -> object:
    """Return the result of what a method with `async def` returned; what one with `def` returned, as it is."""
    return await returned if isinstance(returned, Awaitable) else returned

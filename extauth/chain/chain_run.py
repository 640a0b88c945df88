"""One request on its way along the chain, and the results' sum (docs/protocol.md, section 4)."""

from __future__ import annotations

import time

import msgspec

from extauth.chain.configured_backend import ConfiguredBackend
from extauth.model import (
    AccountRequest,
    FailureResult,
    KnownAccount,
    ProvisionRequest,
    Request,
    Result,
    Step,
    Verdict,
    VerdictResult,
)

_ENDS_THE_CHAIN = {Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED}
_STRONGEST_FIRST = (Verdict.PASSWORD_MISMATCH, Verdict.SCHEME_NOT_AVAILABLE, Verdict.USER_UNKNOWN)


class ChainRun:
    """One request on its way along the chain. `began`: when its first backend was called (monotonic seconds).

    `provisioner`: creates the account of an AccountRequest that a backend knows. It is called like one more backend.
    If there is none, `not_created` is the reason why the account is not in the mail server; empty if it is.
    """

    __slots__ = (
        "_backends",
        "_began",
        "_failures",
        "_not_created",
        "_position",
        "_provisioner",
        "_rejection",
        "_steps",
        "request",
    )

    def __init__(
        self,
        request: Request,
        backends: tuple[ConfiguredBackend, ...],
        began: float,
        provisioner: ConfiguredBackend | None = None,
        not_created: str = "",
    ) -> None:
        self.request = request
        self._provisioner = provisioner
        self._not_created = not_created
        self._backends = backends
        self._position = 0
        self._rejection: VerdictResult | None = None
        self._failures: list[FailureResult] = []
        self._steps: tuple[Step, ...] = ()
        self._began = began

    @property
    def backend(self) -> ConfiguredBackend:
        """The backend to call next."""
        return self._backends[self._position]

    @property
    def may_have_steps(self) -> bool:
        """Whether the final result says what every backend said: there are several."""
        return len(self._backends) > 1

    def steps_so_far(self) -> tuple[Step, ...]:
        """Return what every backend has said until now. The last one is still at work."""
        waiting = Step(self.backend.name, None, "no verdict yet", time.monotonic() - self._began)
        return (*self._steps, waiting)

    def add_result(self, result: Result, seconds: float | None = None) -> Result | None:
        """Take the result of `backend`. Return the final result, or None if the next backend must be called.

        `seconds`: how long it took; if not given, since the run began or the backend before gave its result. The final
        result says what every backend said, if there were several.
        """
        backend = self.backend
        final = self._add(backend, result)
        if type(final) is KnownAccount:
            final = self._provision(final)
        if final is not None and not self._steps:
            return final
        now = time.monotonic()
        verdict = None if isinstance(result, FailureResult) else result.verdict
        taken = now - self._began if seconds is None else seconds
        self._steps += (Step(backend.name, verdict, result.reason, taken),)
        self._began = now
        return None if final is None else msgspec.structs.replace(final, steps=self._steps)

    def _provision(self, known: KnownAccount) -> VerdictResult | None:
        """Let the provisioner be called next, if there is one. Otherwise return the final result."""
        if self._provisioner is None:
            reason = "; ".join(filter(None, [self._not_created, known.reason]))
            return VerdictResult(known.verdict, known.backend, reason, known.provisional)
        assert type(self.request) is AccountRequest  # only its results are of this type
        self.request = ProvisionRequest(self.request.account, known.attributes, self.request.is_newcomer)
        self._position += 1
        self._backends = (*self._backends[: self._position], self._provisioner)
        return None

    def _add(self, backend: ConfiguredBackend, result: Result) -> Result | None:
        failure = self._failures[0] if self._failures else None
        if type(self.request) is ProvisionRequest:
            return result
        if isinstance(result, FailureResult):
            self._failures.append(result)
        elif result.verdict is Verdict.OK:
            return self._provisional(result) if self._failures else result
        elif backend.emergency:
            return failure
        elif result.verdict in _ENDS_THE_CHAIN or (
            backend.stops_at_mismatch and result.verdict is Verdict.PASSWORD_MISMATCH
        ):
            return failure or result
        elif self._rejection is None or _is_stronger(result, self._rejection):
            self._rejection = result
        self._position += 1
        if self._position == len(self._backends) or (self.backend.emergency and not self._all_are_unavailable()):
            return self._failures[0] if self._failures else self._rejection
        return None

    def _all_are_unavailable(self) -> bool:
        """Return whether every backend that was called is unavailable."""
        return sum(failure.unavailable for failure in self._failures) == self._position

    def _provisional(self, result: VerdictResult) -> VerdictResult:
        """Return an OK as provisional. For an emergency backend the reason says why it was called."""
        reason = result.reason
        if self.backend.emergency:
            why = "; ".join(f"{failure.backend}: {failure.reason}" for failure in self._failures)
            reason = f"{reason}; {why}" if reason else why
        return msgspec.structs.replace(result, reason=reason, provisional=True)


def _is_stronger(result: VerdictResult, other: VerdictResult) -> bool:
    """Return whether a rejection says more than another one: a wrong password says more than an unknown user."""
    return _STRONGEST_FIRST.index(result.verdict) < _STRONGEST_FIRST.index(other.verdict)

"""A request that waits for its decision, and what the log says of it then."""

from __future__ import annotations

import time

import msgspec

from extauth.config import BackendConfig
from extauth.model import Account, Decided, Decision
from extauth.server.answers import Answers
from extauth.server.keyed import Digest
from extauth.server.log import fields


class Pending(msgspec.Struct):
    """What is kept of it; `started` in monotonic seconds, `size` in bytes.

    `address` is as it came, `account` what that is, unless its domain is no host name. `line` is there where what was
    decided on it may be remembered.
    """

    number: bytes
    account: Account | None
    address: str
    mode: str
    method: str
    answers: Answers
    started: float
    size: int
    line: Digest | None = None

    def record(self, decision: Decision, backends: tuple[BackendConfig, ...], *, remembered: bool = False) -> str:
        """The one stable line of a decision; `backends` are those of the configuration."""
        return fields(
            account=self.address if self.account is None else self.account.address,
            mode=self.mode,
            method=self.method,
            verdict=decision.verdict.name if isinstance(decision, Decided) else "TEMPORARY",
            backend=decision.backend or self._asked(decision, backends),
            time=f"{time.monotonic() - self.started:.6f}",
            cache="hit" if remembered else "",
            reason=decision.reason,
        )

    def _asked(self, decision: Decision, backends: tuple[BackendConfig, ...]) -> str:
        """Who was to say something and has not: where several serve a domain, one of them."""
        if isinstance(decision, Decided) or self.account is None:
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.domains is None or domain in backend.domains)

"""A request that waits for its decision, and what the log says of it then."""

from __future__ import annotations

import msgspec

from extauth.config import BackendConfig
from extauth.log_levels import Level
from extauth.model import Account, Decided, Decision
from extauth.protocol.requests import AccountRequest
from extauth.server.answers import Answers
from extauth.server.log import Record, shown
from extauth.server.memory.keyed import Digest


class Pending(msgspec.Struct):
    """What is kept of it; `started` in monotonic seconds, `size` in bytes.

    `account` is what its address names, unless the domain is no host name. `line` is there where what was decided on
    it may be remembered.
    """

    request: AccountRequest
    account: Account | None
    answers: Answers
    started: float
    size: int
    line: Digest | None = None

    def record(
        self, level: Level, decision: Decision, backends: tuple[BackendConfig, ...], *, remembered: bool = False
    ) -> Record:
        """The one stable line of a decision: `key=value` pairs; `backends` are those of the configuration."""
        address = self.request.address if self.account is None else self.account.address
        mode, backend = self.request.mode, decision.backend or self._asked(decision, backends)
        before = (
            f"account={shown(address)}"
            f"{f' mode={shown(mode)}' if mode else ''}"
            f" method={self.request.method}"
            f" verdict={decision.verdict.name if isinstance(decision, Decided) else 'TEMPORARY'}"
            f"{f' backend={shown(backend)}' if backend else ''}"
            " time="
        )
        after = " cache=hit" if remembered else ""
        return Record(level, before, f"{after} reason={shown(decision.reason)}" if decision.reason else after)

    def _asked(self, decision: Decision, backends: tuple[BackendConfig, ...]) -> str:
        """Who was to say something and has not: where several serve a domain, one of them."""
        if isinstance(decision, Decided) or self.account is None:
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.domains is None or domain in backend.domains)

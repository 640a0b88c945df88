"""A request that waits for its decision, and what the log says of it then."""

from __future__ import annotations

import msgspec

from extauth.config import BackendConfig
from extauth.log_levels import Level
from extauth.model import Account, Decided, Decision, Verdict
from extauth.server.answers import Answers
from extauth.server.log import Record, shown
from extauth.server.memory.keyed import Digest

_NAMES = {verdict: verdict.name for verdict in Verdict}


def shown_reason(decision: Decision) -> str:
    """The end of a record: why that was decided, if anybody has said so."""
    return f" reason={shown(decision.reason)}" if decision.reason else ""


class Arrival(msgspec.Struct, frozen=True):
    """What requests of one kind that came together have in common; `time` in monotonic seconds."""

    method: str
    mode: str
    answers: Answers
    time: float

    def outcome(self, decision: Decision, backend: str) -> str:
        """What the log says of a decision between the account and how long it took."""
        verdict = _NAMES[decision.verdict] if isinstance(decision, Decided) else "TEMPORARY"
        shown_mode = f" mode={shown(self.mode)}" if self.mode else ""
        shown_backend = f" backend={shown(backend)}" if backend else ""
        return f"{shown_mode} method={self.method} verdict={verdict}{shown_backend} time="


class Pending(msgspec.Struct, gc=False):
    """What is kept of a request, of which no password is: `size` in bytes is that of its line.

    `account` is what its address names, or the address where its domain is no host name. `line` is there where what was
    decided on it may be remembered.
    """

    number: bytes
    account: Account | str
    size: int
    arrival: Arrival
    line: Digest | None = None

    def record(
        self, level: Level, decision: Decision, backends: tuple[BackendConfig, ...], *, remembered: bool = False
    ) -> Record:
        """The one stable line of a decision: `key=value` pairs; `backends` are those of the configuration."""
        outcome = self.arrival.outcome(decision, decision.backend or self._asked(decision, backends))
        after = f"{' cache=hit' if remembered else ''}{shown_reason(decision)}"
        return Record(level, f"account={self.shown_account}{outcome}", after)

    @property
    def shown_account(self) -> str:
        """The account as the log gives it."""
        account = self.account
        return shown(account if isinstance(account, str) else f"{account.name}@{account.domain}")

    def _asked(self, decision: Decision, backends: tuple[BackendConfig, ...]) -> str:
        """Who was to say something and has not: where several serve a domain, one of them."""
        if isinstance(decision, Decided) or isinstance(self.account, str):
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.domains is None or domain in backend.domains)

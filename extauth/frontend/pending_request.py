"""A request that waits for its decision, and what the log says of it then."""

from __future__ import annotations

import msgspec

from extauth.config import BackendConfig
from extauth.frontend.cache.keyed import Digest
from extauth.frontend.log import Record, shown
from extauth.frontend.reply_texts import Answers
from extauth.log_levels import Level
from extauth.model import Account, Result, Verdict, VerdictResult

_NAMES = {verdict: verdict.name for verdict in Verdict}


def shown_reason(decision: Result) -> str:
    """The end of a record: why that was decided, if anybody has said so."""
    return f" reason={shown(decision.reason)}" if decision.reason else ""


class RequestGroup(msgspec.Struct, frozen=True):
    """What requests of one kind that came together have in common; `time` in monotonic seconds."""

    command: str
    mechanism: str
    mode: str
    answers: Answers
    time: float

    def outcome(self, decision: Result, backend: str) -> str:
        """What the log says of a decision between the account and how long it took."""
        verdict = _NAMES[decision.verdict] if isinstance(decision, VerdictResult) else "TEMPORARY_FAILURE"
        shown_mode = f" mode={shown(self.mode)}" if self.mode else ""
        shown_backend = f" backend={shown(backend)}" if backend else ""
        mechanism = f" mechanism={self.mechanism}" if self.mechanism else ""
        return f"{shown_mode} command={self.command}{mechanism} verdict={verdict}{shown_backend} time="


class Pending(msgspec.Struct, gc=False):
    """What is kept of a request, of which no password is: `size` in bytes is that of its line.

    `account` is what its address names, or the address where its domain is no host name. `line` is there where what was
    decided on it may be remembered.
    """

    number: bytes
    account: Account | str
    size: int
    arrival: RequestGroup
    line: Digest | None = None

    def record(
        self, level: Level, decision: Result, backends: tuple[BackendConfig, ...], *, remembered: bool = False
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

    def _asked(self, decision: Result, backends: tuple[BackendConfig, ...]) -> str:
        """Who was to say something and has not: where several serve a domain, one of them."""
        if isinstance(decision, VerdictResult) or isinstance(self.account, str):
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.domains is None or domain in backend.domains)

"""A request that waits for its decision, and what the log says of it then."""

from __future__ import annotations

import functools

import msgspec

from extauth.config import BackendConfig
from extauth.log_levels import Level
from extauth.model import Account, Decided, Decision, Verdict
from extauth.server.answers import Answers
from extauth.server.log import Record, shown
from extauth.server.memory.keyed import Digest

_NAMES = {verdict: verdict.name for verdict in Verdict}


@functools.lru_cache(256)
def _what_was_said(mode: str, method: str, verdict: str, backend: str) -> str:
    """The part of a record that those of many requests have in common."""
    shown_mode = f" mode={shown(mode)}" if mode else ""
    shown_backend = f" backend={shown(backend)}" if backend else ""
    return f"{shown_mode} method={method} verdict={verdict}{shown_backend}"


class Arrival(msgspec.Struct, frozen=True):
    """What requests of one kind that came together have in common; `time` in monotonic seconds."""

    method: str
    mode: str
    answers: Answers
    time: float


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
        arrival, account, backend = self.arrival, self.account, decision.backend or self._asked(decision, backends)
        verdict = _NAMES[decision.verdict] if isinstance(decision, Decided) else "TEMPORARY"
        address = account if isinstance(account, str) else account.address
        before = f"account={shown(address)}{_what_was_said(arrival.mode, arrival.method, verdict, backend)} time="
        after = " cache=hit" if remembered else ""
        return Record(level, before, f"{after} reason={shown(decision.reason)}" if decision.reason else after)

    def _asked(self, decision: Decision, backends: tuple[BackendConfig, ...]) -> str:
        """Who was to say something and has not: where several serve a domain, one of them."""
        if isinstance(decision, Decided) or isinstance(self.account, str):
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.domains is None or domain in backend.domains)

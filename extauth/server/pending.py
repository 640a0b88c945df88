"""A request that waits for its decision, and what the log says of it then."""

from __future__ import annotations

import msgspec

from extauth.config import BackendConfig
from extauth.log_levels import Level
from extauth.model import Account, Decided, Decision
from extauth.server.answers import Answers
from extauth.server.log import Record, shown
from extauth.server.memory.keyed import Digest


class Arrival(msgspec.Struct, frozen=True):
    """What requests of one kind that came together have in common; `time` in monotonic seconds."""

    method: str
    mode: str
    answers: Answers
    time: float


class Pending(msgspec.Struct):
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
        arrival, backend = self.arrival, decision.backend or self._asked(decision, backends)
        before = (
            f"account={shown(str(self.account))}"
            f"{f' mode={shown(arrival.mode)}' if arrival.mode else ''}"
            f" method={arrival.method}"
            f" verdict={decision.verdict.name if isinstance(decision, Decided) else 'TEMPORARY'}"
            f"{f' backend={shown(backend)}' if backend else ''}"
            " time="
        )
        after = " cache=hit" if remembered else ""
        return Record(level, before, f"{after} reason={shown(decision.reason)}" if decision.reason else after)

    def _asked(self, decision: Decision, backends: tuple[BackendConfig, ...]) -> str:
        """Who was to say something and has not: where several serve a domain, one of them."""
        if isinstance(decision, Decided) or isinstance(self.account, str):
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.domains is None or domain in backend.domains)

"""One question on its way along the chain, and what the answers amount to (docs/protocol.md, section 4)."""

from __future__ import annotations

import msgspec

from extauth.chain.configured_backend import ConfiguredBackend
from extauth.model import FailureResult, Request, Result, Verdict, VerdictResult

_ENDS_THE_CHAIN = {Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED}
_TELLING = (Verdict.PASSWORD_MISMATCH, Verdict.SCHEME_NOT_AVAILABLE, Verdict.USER_UNKNOWN)


class ChainRun:
    """One question on its way along the chain."""

    __slots__ = ("_links", "_no", "_position", "_undecided", "question")

    def __init__(self, question: Request, links: tuple[ConfiguredBackend, ...]) -> None:
        self.question = question
        self._links = links
        self._position = 0
        self._no: VerdictResult | None = None
        self._undecided: list[FailureResult] = []

    @property
    def link(self) -> ConfiguredBackend:
        """Whom to ask next."""
        return self._links[self._position]

    def hear(self, answer: Result) -> Result | None:
        """Take what the backend whose turn it is says: the decision, or None where the next one is to be asked."""
        link = self.link
        undecided = self._undecided[0] if self._undecided else None
        if isinstance(answer, FailureResult):
            self._undecided.append(answer)
        elif answer.verdict is Verdict.OK:
            return self._in_need(answer) if self._undecided else answer
        elif link.emergency:
            return undecided
        elif answer.verdict in _ENDS_THE_CHAIN or (
            link.stops_at_mismatch and answer.verdict is Verdict.PASSWORD_MISMATCH
        ):
            return undecided or answer
        elif self._no is None or _TELLING.index(answer.verdict) < _TELLING.index(self._no.verdict):
            self._no = answer
        self._position += 1
        if self._position == len(self._links) or (self.link.emergency and not self._all_are_out_of_reach()):
            return self._undecided[0] if self._undecided else self._no
        return None

    def _all_are_out_of_reach(self) -> bool:
        """Whether everybody who has been asked is."""
        return sum(answer.outage for answer in self._undecided) == self._position

    def _in_need(self, answer: VerdictResult) -> VerdictResult:
        """An OK without those who could not be asked; that of an emergency gives it as the reason for asking."""
        reason = answer.reason
        if self.link.emergency:
            why = "; ".join(f"{outage.backend}: {outage.reason}" for outage in self._undecided)
            reason = f"{reason}; {why}" if reason else why
        return msgspec.structs.replace(answer, reason=reason, provisional=True)

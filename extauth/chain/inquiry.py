"""One question on its way along the chain, and what the answers amount to (docs/protocol.md, section 4)."""

from __future__ import annotations

from extauth.chain.link import Link
from extauth.model import Decided, Decision, Question, Undecided, Verdict

_ENDS_THE_CHAIN = {Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED}
_TELLING = (Verdict.PASSWORD_MISMATCH, Verdict.SCHEME_NOT_AVAILABLE, Verdict.USER_UNKNOWN)


class Inquiry:
    """One question on its way along the chain."""

    __slots__ = ("_links", "_no", "_outages", "_position", "_unsure", "question")

    def __init__(self, question: Question, links: tuple[Link, ...]) -> None:
        self.question = question
        self._links = links
        self._position = 0
        self._no: Decided | None = None
        self._unsure: Undecided | None = None
        self._outages = 0

    @property
    def link(self) -> Link:
        """Whom to ask next."""
        return self._links[self._position]

    def hear(self, answer: Decision) -> Decision | None:
        """Take what the backend whose turn it is says: the decision, or None where the next one is to be asked."""
        link = self.link
        if isinstance(answer, Undecided):
            self._unsure = self._unsure or answer
            self._outages += answer.outage
        elif answer.verdict is Verdict.OK:
            return answer
        elif link.emergency:
            return self._unsure
        elif answer.verdict in _ENDS_THE_CHAIN or (
            link.stops_at_mismatch and answer.verdict is Verdict.PASSWORD_MISMATCH
        ):
            return self._unsure or answer
        elif self._no is None or _TELLING.index(answer.verdict) < _TELLING.index(self._no.verdict):
            self._no = answer
        self._position += 1
        if self._position == len(self._links) or (self.link.emergency and self._outages < self._position):
            return self._unsure or self._no
        return None

"""The backends of one configuration, in its order."""

from __future__ import annotations

from collections.abc import Iterable

from extauth.backend import Seen
from extauth.chain.inquiry import Inquiry
from extauth.chain.link import Link
from extauth.model import Decided, Decision, Question, SecretLookup, Verdict

_NOT_SERVED = Decided(Verdict.USER_UNKNOWN, reason="no backend serves this domain")
_NOT_GIVEN_AWAY = Decided(Verdict.SCHEME_NOT_AVAILABLE, reason="no backend of this domain has readplain = true")


class Chain:
    """The backends of one configuration, in its order."""

    def __init__(self, links: Iterable[Link]) -> None:
        self.links = tuple(sorted(links, key=lambda link: link.emergency))  # those last, the others as they stand
        named = {domain for link in self.links for domain in link.domains or ()}
        self._serving = {domain: _together(link for link in self.links if link.serves(domain)) for domain in named}
        self._serving_any = _together(link for link in self.links if link.domains is None)

    def load(self) -> Seen:
        """Load every backend; the files and folders they depend on."""
        seen: Seen = {}
        for link in self.links:
            seen |= link.load()
        return seen

    def begin(self, question: Question) -> Inquiry | Decision:
        """Ask as far along the chain as the backends are quick: the decision, or what is left to be asked."""
        links = self._serving.get(question.account.domain, self._serving_any)
        if not links:
            return _NOT_SERVED
        if type(question) is SecretLookup and not any(link.readplain for link in links):
            return _NOT_GIVEN_AWAY
        answer = links[0].ask_if_quick(question)
        if isinstance(answer, Decided) and answer.verdict is Verdict.OK:  # the most frequent case, cut short
            return answer
        inquiry = Inquiry(question, links)
        while answer is not None:
            decision = inquiry.hear(answer)
            if decision is not None:
                return decision
            answer = inquiry.link.ask_if_quick(question)
        return inquiry


def _together(links: Iterable[Link]) -> tuple[Link, ...]:
    """Those who serve a domain; nobody does where there are backends for emergencies alone."""
    found = tuple(links)
    return found if any(not link.emergency for link in found) else ()

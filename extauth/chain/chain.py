"""The backends of one configuration, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import cast

from extauth.backend import Seen
from extauth.chain.inquiry import Inquiry
from extauth.chain.link import Link
from extauth.model import Decided, Decision, Question, SecretLookup, Verdict

_OK = Verdict.OK
_ONLY_DECIDED = {Decided}
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

    def begin(self, questions: list[Question]) -> list[Inquiry | Decision]:
        """Ask as far along the chain as the backends are quick: the decisions, or what is left to be asked."""
        domains = {question.account.domain for question in questions}
        if len(domains) == 1:
            return _begin(self._who_serves(domains.pop()), questions)
        begun: list[Inquiry | Decision] = []
        for links, together in groupby(questions, lambda question: self._who_serves(question.account.domain)):
            begun += _begin(links, list(together))
        return begun

    def _who_serves(self, domain: str) -> tuple[Link, ...]:
        return self._serving.get(domain, self._serving_any)


def _begin(links: tuple[Link, ...], questions: list[Question]) -> list[Inquiry | Decision]:
    if not links:
        return [_NOT_SERVED] * len(questions)
    answers = links[0].ask_if_quick(questions)
    if len(links) == 1 and _ONLY_DECIDED.issuperset(map(type, answers)) and SecretLookup not in map(type, questions):
        return cast(list[Inquiry | Decision], answers)  # the most frequent case, cut short
    begun: list[Inquiry | Decision] = []
    for question, answer in zip(questions, answers, strict=True):
        if type(answer) is Decided and answer.verdict is _OK:
            begun.append(answer)
        elif type(question) is SecretLookup and not any(link.readplain for link in links):
            begun.append(_NOT_GIVEN_AWAY)
        else:
            begun.append(_go_on(Inquiry(question, links), answer))
    return begun


def _go_on(inquiry: Inquiry, answer: Decision | None) -> Inquiry | Decision:
    """Tell it what its first backend said at once, if that did, and ask those that are as quick."""
    while answer is not None:
        decision = inquiry.hear(answer)
        if decision is not None:
            return decision
        (answer,) = inquiry.link.ask_if_quick([inquiry.question])
    return inquiry


def _together(links: Iterable[Link]) -> tuple[Link, ...]:
    """Those who serve a domain; nobody does where there are backends for emergencies alone."""
    found = tuple(links)
    return found if any(not link.emergency for link in found) else ()

"""The backends of one configuration, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import cast

from extauth.backends.base import SeenFiles
from extauth.chain.chain_run import ChainRun
from extauth.chain.configured_backend import ConfiguredBackend
from extauth.model import Request, Result, SecretRequest, Verdict, VerdictResult

_OK = Verdict.OK
_ONLY_DECIDED = {VerdictResult}
_NOT_SERVED = VerdictResult(Verdict.USER_UNKNOWN, reason="no backend serves this domain")
_NOT_GIVEN_AWAY = VerdictResult(Verdict.SCHEME_NOT_AVAILABLE, reason="no backend of this domain has readplain = true")


class Chain:
    """The backends of one configuration, in its order."""

    def __init__(self, links: Iterable[ConfiguredBackend]) -> None:
        self.links = tuple(sorted(links, key=lambda link: link.emergency))  # those last, the others as they stand
        named = {domain for link in self.links for domain in link.domains or ()}
        self._serving = {domain: _together(link for link in self.links if link.serves(domain)) for domain in named}
        self._serving_any = _together(link for link in self.links if link.domains is None)

    def load(self) -> SeenFiles:
        """Load every backend; the files and folders they depend on."""
        seen: SeenFiles = {}
        for link in self.links:
            seen |= link.load()
        return seen

    def begin(self, questions: list[Request]) -> list[ChainRun | Result]:
        """Ask as far along the chain as the backends are quick: the decisions, or what is left to be asked."""
        domains = {question.account.domain for question in questions}
        if len(domains) == 1:
            return _begin(self._who_serves(domains.pop()), questions)
        begun: list[ChainRun | Result] = []
        for links, together in groupby(questions, lambda question: self._who_serves(question.account.domain)):
            begun += _begin(links, list(together))
        return begun

    def _who_serves(self, domain: str) -> tuple[ConfiguredBackend, ...]:
        return self._serving.get(domain, self._serving_any)


def _begin(links: tuple[ConfiguredBackend, ...], questions: list[Request]) -> list[ChainRun | Result]:
    if not links:
        return [_NOT_SERVED] * len(questions)
    answers = links[0].ask_if_quick(questions)
    if len(links) == 1 and _ONLY_DECIDED.issuperset(map(type, answers)) and SecretRequest not in map(type, questions):
        return cast(list[ChainRun | Result], answers)  # the most frequent case, cut short
    begun: list[ChainRun | Result] = []
    for question, answer in zip(questions, answers, strict=True):
        if type(answer) is VerdictResult and answer.verdict is _OK:
            begun.append(answer)
        elif type(question) is SecretRequest and not any(link.readplain for link in links):
            begun.append(_NOT_GIVEN_AWAY)
        else:
            begun.append(_go_on(ChainRun(question, links), answer))
    return begun


def _go_on(inquiry: ChainRun, answer: Result | None) -> ChainRun | Result:
    """Tell it what its first backend said at once, if that did, and ask those that are as quick."""
    while answer is not None:
        decision = inquiry.hear(answer)
        if decision is not None:
            return decision
        (answer,) = inquiry.link.ask_if_quick([inquiry.question])
    return inquiry


def _together(links: Iterable[ConfiguredBackend]) -> tuple[ConfiguredBackend, ...]:
    """Those who serve a domain; nobody does where there are backends for emergencies alone."""
    found = tuple(links)
    return found if any(not link.emergency for link in found) else ()

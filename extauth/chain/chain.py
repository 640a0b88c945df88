"""The backends of one configuration, in order."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import groupby

from extauth.backends.context import SeenFiles
from extauth.backends.file_history import FileContents
from extauth.chain.chain_run import ChainRun
from extauth.chain.configured_backend import ConfiguredBackend
from extauth.chain.password_masking import loggable_record
from extauth.errors import Mistakes
from extauth.model import Request, Result, SecretRequest, Verdict, VerdictResult

_OK = Verdict.OK
NOT_SERVED = VerdictResult(Verdict.USER_UNKNOWN, reason="no backend serves this domain")
"""The result of every request whose domain has no backends."""

_NOT_DISCLOSED = VerdictResult(Verdict.SCHEME_NOT_AVAILABLE, reason="no backend of this domain has readplain = true")


class Chain:
    """The backends of one configuration: emergency backends last, the others in the order of the file.

    `provisioner`: creates accounts that a backend knows (`NEW`); None: nothing does. `handover_account`: reads the
    files for `[handover]`, if the provisioner does not; it is only loaded and tried out. `not_created`: as in ChainRun.
    """

    def __init__(
        self,
        backends: Iterable[ConfiguredBackend],
        provisioner: ConfiguredBackend | None = None,
        handover_account: ConfiguredBackend | None = None,
        not_created: str = "",
    ) -> None:
        self.backends = tuple(sorted(backends, key=lambda backend: backend.emergency))
        self.provisioner = provisioner
        self.handover_account = handover_account
        self._not_created = not_created
        self.callable = self.backends if provisioner is None else (*self.backends, provisioner)
        """All that a worker calls: the backends and the provisioner."""
        serving: dict[str, list[ConfiguredBackend]] = {
            domain: [] for backend in self.backends for domain in backend.domains or ()
        }
        for backend in self.backends:
            for domain in serving if backend.domains is None else backend.domains:
                serving[domain].append(backend)
        self._by_domain = {domain: _usable(backends) for domain, backends in serving.items()}
        self._for_every_domain = _usable(backend for backend in self.backends if backend.domains is None)

    def load(self) -> SeenFiles:
        """Load every backend. Return the files and folders that they read. Raise ConfigError, with all mistakes."""
        seen: SeenFiles = {}
        mistakes = Mistakes()
        for backend in (*self.callable, *([self.handover_account] if self.handover_account else [])):
            with mistakes.collected():
                seen |= backend.load()
        mistakes.raise_all()
        return seen

    def describe(self) -> str:
        """Say for the log what this chain serves."""
        texts = [backend.describe() for backend in self.backends]
        return "; ".join([*texts, *([f"{self.provisioner.name} creates accounts"] if self.provisioner else [])])

    @property
    def domains(self) -> list[str]:
        """The domains that backends name; an empty text at the end if a backend serves every domain."""
        return [*self._by_domain, *([""] if self._for_every_domain else [])]

    def loggable_record(self, source: str, text: str) -> str:
        """Return a record of a backend as one line, without the passwords that backends are called with now."""
        return loggable_record(source, text, [backend.passwords for backend in self.backends])

    def file_contents(self) -> list[FileContents]:
        """Return what the loaded backends have found in their files of accounts."""
        return [contents for backend in self.backends for contents in backend.file_contents]

    def damaged_files(self) -> list[str]:
        """Return a text for each file that looks damaged, so that its accounts get a temporary failure."""
        return [text for backend in self.backends for text in backend.damaged_files]

    def start(self, requests: list[Request], slots: list[int], called: memoryview) -> list[ChainRun | Result]:
        """Send requests along the chain as far as the backends are fast. `called`: their marks, by their slots.

        Return for each request its result, or the run that has a slow backend next.
        """
        started: list[ChainRun | Result] = []
        for backends, together in groupby(requests, lambda request: self.backends_of(request.account.domain)):
            part = list(together)
            started += self._start(backends, part, slots[len(started) : len(started) + len(part)], called)
        return started

    def backends_of(self, domain: str) -> tuple[ConfiguredBackend, ...]:
        """Return the backends that serve a domain, in the order in which they are asked."""
        return self._by_domain.get(domain, self._for_every_domain)

    def _start(
        self, backends: tuple[ConfiguredBackend, ...], requests: list[Request], slots: list[int], called: memoryview
    ) -> list[ChainRun | Result]:
        """Send requests with the same backends along the chain."""
        if not backends:
            return [NOT_SERVED] * len(requests)
        began = time.monotonic()
        results = backends[0].call_fast(requests, slots, called)
        seconds = (time.monotonic() - began) / len(requests)
        started: list[ChainRun | Result] = []
        for request, result, slot in zip(requests, results, slots, strict=True):
            if type(result) is VerdictResult and result.verdict is _OK:
                started.append(result)
            elif type(request) is SecretRequest and not any(backend.readplain for backend in backends):
                started.append(_NOT_DISCLOSED)
            else:
                run = ChainRun(request, backends, began, self.provisioner, self._not_created)
                started.append(_continue(run, result, seconds, slot, called))
        return started


def _continue(
    run: ChainRun, result: Result | None, seconds: float | None, slot: int, called: memoryview
) -> ChainRun | Result:
    """Add the first backend's result, if it has one already, and those of the fast backends after it.

    `seconds`: how long the first result took.
    """
    while result is not None:
        final = run.add_result(result, seconds)
        if final is not None:
            return final
        seconds = None
        (result,) = run.backend.call_fast([run.request], [slot], called)
    return run


def _usable(backends: Iterable[ConfiguredBackend]) -> tuple[ConfiguredBackend, ...]:
    """Return the backends of a domain. Emergency backends alone serve no domain."""
    found = tuple(backends)
    return found if any(not backend.emergency for backend in found) else ()

"""Which backends are asked about an account, in which order, and what their answers amount to (docs/protocol.md, 4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from extauth.backend import Backend, Seen, Site
from extauth.config import BackendConfig, BackendSection, Config
from extauth.errors import BackendUnavailable, ConfigError, ExtauthError, Fault
from extauth.mechanisms import MECHANISMS
from extauth.model import Decided, Decision, PasswordCheck, Question, ResponseCheck, Secret, Undecided, Verdict
from extauth.protocol.replies import one_line
from extauth.registry import backend_class
from extauth.seal import sealed
from extauth.settings import convert

_ENDS_THE_CHAIN = {Verdict.OK, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED}
_OPEN_AGAIN = 1.0  # seconds after an attempt that failed
_TELLING = (Verdict.PASSWORD_MISMATCH, Verdict.SCHEME_NOT_AVAILABLE, Verdict.USER_UNKNOWN)
_NOT_SERVED = Decided(Verdict.USER_UNKNOWN, reason="no backend serves this domain")


class Link:
    """One backend in the chain: asks it, and holds it to its contract."""

    def __init__(self, backend: Backend[Any], section: BackendConfig, file: Path) -> None:
        self.name = backend.site.name
        self.threads = backend.threads
        self.timeout = section.timeout
        self.stops_at_mismatch = section.stops_at_mismatch
        self.emergency = section.emergency
        self._backend = backend
        self.domains = section.domains
        self._where = f"{file}: {section.section}"
        self._type = section.type
        self._not_loaded = ""
        self._not_opened = ""
        self._open_again = 0.0
        self._opening = threading.Lock()
        self._opened = False

    def serves(self, domain: str) -> bool:
        """Whether this backend is asked about accounts of `domain`."""
        return self.domains is None or domain in self.domains

    def describe(self) -> str:
        """What serves which domains, for the log."""
        domains = "every domain" if self.domains is None else ", ".join(self.domains)
        return f"{self.name} serves {domains}{' in an emergency' if self.emergency else ''}"

    def load(self) -> Seen:
        """Have the backend read its files; which ones it saw. Raises ConfigError."""
        try:
            sealed(self._backend.load)
        except ConfigError as error:
            raise ConfigError(f"{self._where} {error}") from None
        except Fault as fault:
            raise ConfigError(f"{self._where} type = {self._type!r}: {fault}") from None
        except BackendUnavailable as outage:
            self._not_loaded = _text(outage)
            self._backend.log.error("%s", self._not_loaded)
        return self._backend.seen

    @property
    def is_loaded(self) -> bool:
        """Whether the backend could read its files."""
        return not self._not_loaded

    def open(self) -> None:
        """Have the backend connect, unless it has. Raises BackendUnavailable and Fault."""
        if self._not_loaded:
            raise BackendUnavailable(self._not_loaded)
        if not self._opened:
            with self._opening:
                if not self._opened:
                    self._open()

    def _open(self) -> None:
        """Try, but not for each of those that have been waiting for an attempt that failed."""
        if self._not_opened and time.monotonic() < self._open_again:
            raise BackendUnavailable(self._not_opened)
        try:
            sealed(self._backend.open)
            self._opened = True
        except (BackendUnavailable, Fault, ConfigError) as error:
            self._not_opened = _text(error)
            self._open_again = time.monotonic() + _OPEN_AGAIN
            raise

    def close(self) -> None:
        """Have the backend disconnect, if it ever connected. Raises what `sealed` does."""
        if self._opened:
            sealed(self._backend.close)

    def is_quick(self, question: Question) -> bool:
        """Whether asking takes well under a millisecond, so that it is not worth a thread."""
        return self._opened and sealed(self._backend.is_quick, question.account) is True

    def ask(self, question: Question) -> Decision:
        """What this backend alone says."""
        try:
            self.open()
            return sealed(self._decide, question)
        except (BackendUnavailable, Fault, ConfigError) as error:
            outage = isinstance(error, BackendUnavailable)
            return Undecided(self.name, _presentable(_text(error), question), outage)

    def gave_up(self) -> Undecided:
        """What it amounts to that this backend has not answered within its own time."""
        return Undecided(self.name, f"no answer within its timeout of {self.timeout:g} s", outage=True)

    def _decide(self, question: Question) -> Decided:
        if isinstance(question, PasswordCheck):
            found = self._backend.verify_password(question.account, question.password)
        else:
            found = self._check_response(question)
        if isinstance(found, Verdict):
            return Decided(found, self.name)
        if isinstance(found, Decided) and isinstance(found.verdict, Verdict) and isinstance(found.reason, str):
            return Decided(found.verdict, self.name, _presentable(found.reason, question))
        raise Fault(f"verify_password returned {type(found).__name__}, which is no Verdict")

    def _check_response(self, question: ResponseCheck) -> Verdict | Decided:
        found = self._backend.lookup_secret(question.account)
        if not isinstance(found, Secret):
            if not isinstance(found, Verdict | Decided):
                raise Fault(f"lookup_secret returned {type(found).__name__}, which is no Secret and no Verdict")
            if found is Verdict.OK or (isinstance(found, Decided) and found.verdict is Verdict.OK):
                raise Fault("lookup_secret returned OK, which is no password")
            return found
        if found.matches(b""):
            return Verdict.USER_DISABLED.because("the stored password is empty")
        verify = MECHANISMS[question.mechanism]
        matches = verify(found, question.response, question.challenge)
        return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH


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


class Chain:
    """The backends of one configuration, in its order."""

    def __init__(self, links: Iterable[Link]) -> None:
        self.links = tuple(sorted(links, key=lambda link: link.emergency))  # those last, the others as they stand
        named = {domain for link in self.links for domain in link.domains or ()}
        self._serving = {domain: tuple(link for link in self.links if link.serves(domain)) for domain in named}
        self._serving_any = tuple(link for link in self.links if link.domains is None)

    def load(self) -> Seen:
        """Load every backend; the files and folders they depend on."""
        seen: Seen = {}
        for link in self.links:
            seen |= link.load()
        return seen

    def begin(self, question: Question) -> Inquiry | Decided:
        """Start asking; decided at once where nobody serves the domain."""
        links = self._serving.get(question.account.domain, self._serving_any)
        return Inquiry(question, links) if links else _NOT_SERVED


def _text(error: ExtauthError) -> str:
    """What an error says, if it can be had: a stranger's may have a `__str__` of its own."""
    try:
        return sealed(str, error)
    except Fault as fault:
        return str(fault)


def _presentable(reason: str, question: Question) -> str:
    """`reason` as text that can travel, unless a backend has put the password into it."""
    reason = one_line(reason)
    if isinstance(question, PasswordCheck):
        password = question.password.reveal()
        text = password.decode(errors="surrogateescape")
        for shown in (text, repr(text)[1:-1], repr(password)[2:-1], ascii(text)[1:-1]):
            if shown in reason:
                return "the reason is withheld: it holds what the password holds"
    return reason


def build_chain(config: Config, before: frozenset[Path] = frozenset()) -> Chain:
    """The chain that `config` asks for, not loaded yet; `before`: files an earlier reading has seen.

    Raises ConfigError.
    """
    return Chain(Link(_backend(section, config, before), section, config.file) for section in config.backends)


def _backend(section: BackendConfig, config: Config, before: frozenset[Path]) -> Backend[Any]:
    allow_unsafe = config.server.allow_unsafe_files
    try:
        found = backend_class(section.type, config.file.parent, allow_unsafe=allow_unsafe)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {section.section} type = {section.type!r}: {error}") from None
    try:
        settings = sealed(convert, section.options, found.Settings, config.file, section.section, BackendSection)
    except Fault as fault:
        raise ConfigError(f"{config.file}: {section.section} the settings of {section.type}: {fault}") from None
    site = Site(section.name, section.domains, config.accounts, allow_unsafe, before)
    try:
        return sealed(found, settings, site)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {section.section} {error}") from None
    except Fault as fault:
        raise ConfigError(f"{config.file}: {section.section} type = {section.type!r}: {fault}") from None

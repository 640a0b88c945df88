"""The backend for directories: who an account is there, and whether the password is right."""

from __future__ import annotations

import datetime
import importlib
import ssl
from pathlib import Path

from extauth.backends.base import Backend, BackendContext
from extauth.backends.ldap.directory import Directory, Session
from extauth.backends.ldap.engine import Answer, Engine, Entry
from extauth.backends.ldap.names import parsed_name
from extauth.backends.ldap.outcome import (
    NO_SUCH_OBJECT,
    SIZE_LIMIT_EXCEEDED,
    SUCCESS,
    explained,
    outcome_of_bind,
)
from extauth.backends.ldap.service_account import ServiceAccount
from extauth.backends.ldap.settings import (
    LdapSettings,
    at_once,
    check_times,
    check_together,
    member_of,
    search_of,
    servers_of,
)
from extauth.backends.ldap.state import ATTRIBUTES, refusal
from extauth.backends.steps import Steps, run_alone
from extauth.errors import ConfigError, TemporaryFailure
from extauth.mechanisms.credentials import Credentials
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.passwords import StoredHash, identify

_SETS = 4  # of connections, that take turns even where one would do: a server has time to make nobody of each

_ENGINES = {
    "ldap3": "extauth.backends.ldap.engine_ldap3",
    "python-ldap": "extauth.backends.ldap.engine_python_ldap",
}


class Ldap(Backend[LdapSettings]):
    """Finds an account's entry in a directory, and has the directory check the password, or reads what is stored."""

    Settings = LdapSettings

    def __init__(self, settings: LdapSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        self.concurrency, self.concurrency_per_thread = at_once(settings)
        check_together(settings)
        check_times(settings, context.deadline)
        self._servers = servers_of(settings)
        self._search = search_of(settings)
        self._groups = {group: parsed_name(group) for group in settings.required_groups}
        self._member = member_of(settings)
        self._service: ServiceAccount | None = None
        self._ca: str | None = None
        self._attributes = self._attributes_asked_for()

    def load(self) -> None:
        """Read the service account's password and the certificates that are trusted."""
        settings = self.settings
        try:
            importlib.import_module(_ENGINES[settings.engine])  # once for all workers: it takes long
        except ImportError:
            missing = f"engine = {settings.engine!r}: is not installed"
            raise ConfigError(f"{missing}; in the checkout, run: pip install '.[{settings.engine}]'") from None
        if settings.bind_password_file is not None:
            password = (
                self._read("bind_password_file", settings.bind_password_file).removesuffix(b"\n").removesuffix(b"\r")
            )
            if not password:
                raise ConfigError(f"bind_password_file = {settings.bind_password_file}: holds no password")
            assert settings.bind_dn is not None  # they go together
            self._service = ServiceAccount(settings.bind_dn, Secret(password), self.log)
        if settings.ca_file is not None:
            certificates = self._read("ca_file", settings.ca_file, private=False).decode(errors="replace")
            self._ca = certificates or " "  # nothing at all would stand for the system's
            self._tls_context()
        if not settings.verify_certificate:
            self.log.warning("verify_certificate = false: anybody on the way can read every password")
        if not self._search.tells_domains_apart and (self.context.domains is None or len(self.context.domains) > 1):
            self.log.warning(
                "%s: the same name is the same entry in every domain that this backend serves; "
                "set domains to one, or put {domain} or {account} into it, and into each of its alternatives",
                f"dn = {settings.dn!r}" if settings.filter is None else f"filter = {settings.filter!r}",
            )

    def _read(self, key: str, path: Path, *, private: bool = True) -> bytes:
        """What `read_file` gives; its ConfigError with the key."""
        try:
            return self.read_file(path, private=private)
        except ConfigError as error:
            raise ConfigError(f"{key} = {error}") from None

    def self_test(self) -> None:
        """Connect to every server, bind the service account, or nobody, and see what is searched in."""
        self.open()
        places = [self._search.base.text] if self._search.is_needed and not self._search.base.placeholders else []
        self._directory.self_test(places if self._member is None else [*places, *self._groups])

    def open(self) -> None:
        """Make ready; connections are opened by the threads, when they first need them."""
        at_least = min(self.concurrency * self.concurrency_per_thread, _SETS)
        self._directory = Directory(self._engine(), self._servers, self._service, self.settings, self.log, at_least)

    def on_idle(self) -> None:
        """Leave no connection bound as a user."""
        self._directory.leave()

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Whether this is the account's password, and the account may log in."""
        if not password.reveal():
            return Verdict.PASSWORD_MISMATCH.because("an empty password")
        if self.settings.check == "bind":
            return run_alone(self.verify_in_steps(account, password))
        entry = self._usable_entry(account)
        stored = entry if isinstance(entry, VerdictResult) else self._stored(entry)
        return stored if isinstance(stored, VerdictResult) else _verify(stored, password)

    def verify_in_steps(self, account: Account, password: Secret) -> Steps[Verdict | VerdictResult]:
        """The same, with `check = "bind"`, while others are under way."""
        return self._directory.ask(lambda session: self._bind(session, account, password))

    def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """The account's password or else its context, where that is stored, after every check but of the password."""
        entry = self._usable_entry(account)
        if isinstance(entry, VerdictResult):
            return entry
        if self.settings.check == "bind":
            return Verdict.SCHEME_NOT_AVAILABLE.because('the directory compares passwords (check = "bind")')
        stored = self._stored(entry)
        if isinstance(stored, VerdictResult):
            return stored
        held = [credentials for each in stored if (credentials := each.credentials()) is not None]
        if not held:
            return Verdict.SCHEME_NOT_AVAILABLE.because(f"{stored[0].scheme} is stored one-way")
        return next((credentials for credentials in held if isinstance(credentials, Secret)), held[0])

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Whether the account has an entry, locked or not, in the groups that it must be in."""
        found = run_alone(self._directory.ask(lambda session: self._find(session, account)))
        if not isinstance(found, VerdictResult):
            return Verdict.OK
        if not (self._search.is_needed or self._groups or self._service):
            raise TemporaryFailure(f"{found.reason}, but without bind_dn an entry may be hidden from us")
        return Verdict.USER_UNKNOWN.because(found.reason)

    def _bind(self, session: Session, account: Account, password: Secret) -> Steps[VerdictResult]:
        if self._search.is_needed or self._groups:
            entry = yield from self._find(session, account)
            if isinstance(entry, VerdictResult):
                return entry
            dn = entry.dn
        else:
            dn = self._search.base.filled(account)
        return outcome_of_bind((yield from session.bind(dn, password)))

    def _usable_entry(self, account: Account) -> Entry | VerdictResult:
        """The account's entry, which says nothing that keeps the account from logging in; or why nobody does."""
        entry = run_alone(self._directory.ask(lambda session: self._find(session, account, ATTRIBUTES)))
        if isinstance(entry, VerdictResult):
            return entry
        return refusal(entry, datetime.datetime.now(datetime.UTC)) or entry

    def _stored(self, entry: Entry) -> list[StoredHash] | VerdictResult:
        """The stored passwords, of which there is one that can be compared; or why there is none."""
        attribute = self.settings.hash_attribute
        found = [identify(value, self.settings.default_scheme) for value in entry.attributes.get(attribute.lower(), [])]
        if not found:
            return Verdict.SCHEME_NOT_AVAILABLE.because(f"{entry.dn} shows us no {attribute}")
        locked = [each for each in found if isinstance(each, VerdictResult)]
        return [each for each in found if isinstance(each, StoredHash)] or locked[0]

    def _find(self, session: Session, account: Account, more: tuple[str, ...] = ()) -> Steps[Entry | VerdictResult]:
        """The one entry of this account, which is in the groups that it must be in; or why there is none."""
        search = self._search
        base = search.base.filled(account)
        answer = yield from session.search(base, search.scope, search.filter.filled(account), self._attributes + more)
        if answer.code == NO_SUCH_OBJECT and search.base.placeholders:
            return Verdict.USER_UNKNOWN.because("32 noSuchObject")
        entry = _only_entry(answer, base)
        if isinstance(entry, VerdictResult):
            return entry
        for group in self._groups:
            if not (yield from self._is_in(session, entry, group, account)):
                return Verdict.USER_DISABLED.because(f"{entry.dn} is not in {group}")
        return entry

    def _is_in(self, session: Session, entry: Entry, group: str, account: Account) -> Steps[bool]:
        if self._member is None:
            values = entry.attributes.get(self.settings.group_attribute.lower(), [])
            return self._groups[group] in [parsed_name(value.decode(errors="replace")) for value in values]
        answer = yield from session.search(group, "base", self._member.filled(account, dn=entry.dn), ())
        if answer.code != SUCCESS:
            raise TemporaryFailure(f"the search in {group} was answered {explained(answer)}")
        return len(answer.entries) == 1

    def _attributes_asked_for(self) -> tuple[str, ...]:
        attributes: tuple[str, ...] = ()
        if self._groups and self._member is None:
            attributes += (self.settings.group_attribute,)
        if self.settings.check == "hash":
            attributes += (self.settings.hash_attribute,)
        return attributes

    def _engine(self) -> Engine:
        settings = self.settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # knows no authority: to read those of the system takes long
        if settings.starttls or any(server.tls for server in self._servers):
            context = self._tls_context()
        if settings.engine == "ldap3":
            from extauth.backends.ldap.engine_ldap3 import Ldap3Engine

            return Ldap3Engine(context, starttls=settings.starttls)
        from extauth.backends.ldap.engine_python_ldap import PythonLdapEngine

        return PythonLdapEngine(
            context,
            starttls=settings.starttls,
            ca_file=None if settings.ca_file is None else str(settings.ca_file),
            verify_certificate=settings.verify_certificate,
        )

    def _tls_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cadata=self._ca)
        except ssl.SSLError:
            raise ConfigError(f"ca_file = {self.settings.ca_file}: holds no certificates in PEM") from None
        if not self.settings.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _only_entry(answer: Answer, base: str) -> Entry | VerdictResult:
    """The one entry that was found, or why there is none; raises TemporaryFailure where the search went wrong."""
    if len(answer.entries) > 1 or (answer.code == SIZE_LIMIT_EXCEEDED and answer.entries):
        return Verdict.USER_UNKNOWN.because("more than one entry was found")
    if answer.code != SUCCESS:
        raise TemporaryFailure(f"the search in {base} was answered {explained(answer)}")
    if not answer.entries:
        return Verdict.USER_UNKNOWN.because("no entry was found")
    if not answer.entries[0].dn:
        return Verdict.USER_UNKNOWN.because("the entry that was found has no name")
    return answer.entries[0]


def _verify(stored: list[StoredHash], password: Secret) -> Verdict:
    """OK where one of them is the password; else the first that can tell, says why not."""
    verdicts = [each.verify(password) for each in stored]
    for verdict in (Verdict.OK, Verdict.PASSWORD_MISMATCH):
        if verdict in verdicts:
            return verdict
    return verdicts[0]

"""The LDAP backend: finds an account's entry, and checks the password."""

from __future__ import annotations

import datetime
import importlib
import math
import ssl
from pathlib import Path

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.ldap.account_state import STATE_ATTRIBUTES, account_state_verdict
from extauth.backends.ldap.directory import LdapDirectory, LdapSession
from extauth.backends.ldap.engine import LdapEngine, LdapEntry
from extauth.backends.ldap.names_and_filters import parse_dn
from extauth.backends.ldap.result_codes import (
    NO_SUCH_OBJECT,
    SUCCESS,
    describe_result,
    only_entry,
    verdict_of_bind,
)
from extauth.backends.ldap.service_account import ServiceAccount
from extauth.backends.ldap.settings import (
    LdapSettings,
    check_together,
    concurrency,
    overall_timeout,
    parse_group_filter,
    parse_search,
    parse_servers,
)
from extauth.backends.steps import Steps, run_to_completion
from extauth.errors import ConfigError, TemporaryFailure
from extauth.mechanisms.credentials import Credentials
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.passwords import StoredHash, identify

_LEAST_SESSIONS = 4  # sets of sessions, used in turn: servers get time to respond to the anonymous bind

_ENGINES = {
    "ldap3": "extauth.backends.ldap.engine_ldap3",
    "python-ldap": "extauth.backends.ldap.engine_python_ldap",
}


class Ldap(Backend[LdapSettings]):
    """Finds an account's entry, and checks the password by a bind or with the stored hash."""

    Settings = LdapSettings

    def __init__(self, settings: LdapSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        self.concurrency = math.prod(concurrency(settings))
        self.repeatable = settings.check == "hash"  # a failed bind counts in directories that lock accounts
        check_together(settings)
        self._overall_timeout = overall_timeout(settings, context.deadline)
        self._servers = parse_servers(settings)
        self._search = parse_search(settings)
        self._groups = {group: parse_dn(group) for group in settings.required_groups}
        self._group_filter = parse_group_filter(settings)
        self._service: ServiceAccount | None = None
        self._ca: str | None = None
        self._attributes = self._wanted_attributes()

    def load(self) -> None:
        """Read the service account's password and the trusted certificates."""
        settings = self.settings
        try:
            importlib.import_module(_ENGINES[settings.engine])  # here, once for all workers: it takes long
        except ImportError:
            missing = f"engine = {settings.engine!r}: is not installed"
            raise ConfigError(f"{missing}; in the checkout, run: pip install '.[{settings.engine}]'") from None
        if settings.bind_password_file is not None:
            password = (
                self._read("bind_password_file", settings.bind_password_file).removesuffix(b"\n").removesuffix(b"\r")
            )
            if not password:
                raise ConfigError(f"bind_password_file = {settings.bind_password_file}: is empty")
            assert settings.bind_dn is not None  # check_together has checked it
            self._service = ServiceAccount(settings.bind_dn, Secret(password), self.log)
        if settings.ca_file is not None:
            certificates = self._read("ca_file", settings.ca_file, private=False).decode(errors="replace")
            self._ca = certificates or " "  # an empty text would mean the system's certificates
            self._tls_context()
        if not settings.verify_certificate:
            self.log.warning("verify_certificate = false: an attacker in the network can read every password")
        if not self._search.tells_domains_apart and (self.context.domains is None or len(self.context.domains) > 1):
            self.log.warning(
                "%s: the same name has the same entry in all domains of this backend; "
                "set domains to one domain, or put {domain} or {account} into each alternative",
                f"dn = {settings.dn!r}" if settings.filter is None else f"filter = {settings.filter!r}",
            )

    def _read(self, key: str, path: Path, *, private: bool = True) -> bytes:
        """Read a file. The ConfigError begins with the key."""
        try:
            return self.read_file(path, private=private)
        except ConfigError as error:
            raise ConfigError(f"{key} = {error}") from None

    def self_test(self) -> None:
        """Connect to every server, bind as the service account or anonymously, and look for `base` and the groups."""
        self.open()
        places = [self._search.base.text] if self._search.is_needed and not self._search.base.placeholders else []
        self._directory.self_test(places if self._group_filter is None else [*places, *self._groups])

    def open(self) -> None:
        """Prepare the sessions. They connect when a request first needs them."""
        at_least = min(self.concurrency, _LEAST_SESSIONS)
        self._directory = LdapDirectory(
            self._engine(),
            self._servers,
            self._service,
            self.settings,
            self._overall_timeout,
            self.log,
            at_least,
        )

    def on_idle(self) -> None:
        """Leave no connection bound as a user."""
        self._directory.unbind_users()

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Return whether the password is right and the account may log in."""
        if not password.reveal():
            return Verdict.PASSWORD_MISMATCH.because("an empty password")
        if self.settings.check == "bind":
            return run_to_completion(self._directory.ask(lambda session: self._bind(session, account, password)))
        entry = self._usable_entry(account)
        stored = entry if isinstance(entry, VerdictResult) else self._stored(entry)
        return stored if isinstance(stored, VerdictResult) else _verify(stored, password)

    def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """Return the stored password or CRAM-MD5 context, after all checks except that of the password."""
        entry = self._usable_entry(account)
        if isinstance(entry, VerdictResult):
            return entry
        if self.settings.check == "bind":
            return Verdict.SCHEME_NOT_AVAILABLE.because('the directory compares passwords (check = "bind")')
        stored = self._stored(entry)
        if isinstance(stored, VerdictResult):
            return stored
        usable = [credentials for each in stored if (credentials := each.credentials()) is not None]
        if not usable:
            return Verdict.SCHEME_NOT_AVAILABLE.because(f"{stored[0].scheme} is stored one-way")
        return next((credentials for credentials in usable if isinstance(credentials, Secret)), usable[0])

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Return OK if the account has an entry, locked or not, and is in the required groups."""
        found = run_to_completion(self._directory.ask(lambda session: self._find(session, account)))
        if not isinstance(found, VerdictResult):
            return Verdict.OK
        if not (self._search.is_needed or self._groups or self._service):
            raise TemporaryFailure(f"{found.reason}, but without bind_dn the directory may hide the entry")
        return Verdict.USER_UNKNOWN.because(found.reason)

    def _bind(self, session: LdapSession, account: Account, password: Secret) -> Steps[VerdictResult]:
        if self._search.is_needed or self._groups:
            entry = yield from self._find(session, account)
            if isinstance(entry, VerdictResult):
                return entry
            dn = entry.dn
        else:
            dn = self._search.base.fill(account)
        return verdict_of_bind((yield from session.bind(dn, password)))

    def _usable_entry(self, account: Account) -> LdapEntry | VerdictResult:
        """Return the account's entry, or why the account may not log in."""
        entry = run_to_completion(self._directory.ask(lambda session: self._find(session, account, STATE_ATTRIBUTES)))
        if isinstance(entry, VerdictResult):
            return entry
        return account_state_verdict(entry, datetime.datetime.now(datetime.UTC)) or entry

    def _stored(self, entry: LdapEntry) -> list[StoredHash] | VerdictResult:
        """Return the stored passwords that can be compared, or the reason if there is none."""
        attribute = self.settings.hash_attribute
        found = [identify(value, self.settings.default_scheme) for value in entry.attributes.get(attribute.lower(), [])]
        if not found:
            return Verdict.SCHEME_NOT_AVAILABLE.because(f"{entry.dn}: {attribute} is missing or cannot be read")
        locked = [each for each in found if isinstance(each, VerdictResult)]
        return [each for each in found if isinstance(each, StoredHash)] or locked[0]

    def _find(
        self, session: LdapSession, account: Account, more: tuple[str, ...] = ()
    ) -> Steps[LdapEntry | VerdictResult]:
        """Return the account's only entry, or the reason if there is none or it is not in the required groups."""
        search = self._search
        base = search.base.fill(account)
        result = yield from session.search(base, search.scope, search.filter.fill(account), self._attributes + more)
        if result.code == NO_SUCH_OBJECT and search.base.placeholders:
            return Verdict.USER_UNKNOWN.because("32 noSuchObject")
        entry = only_entry(result, base)
        if isinstance(entry, VerdictResult):
            return entry
        for group in self._groups:
            if not (yield from self._is_in(session, entry, group, account)):
                return Verdict.USER_DISABLED.because(f"{entry.dn} is not in {group}")
        return entry

    def _is_in(self, session: LdapSession, entry: LdapEntry, group: str, account: Account) -> Steps[bool]:
        if self._group_filter is None:
            values = entry.attributes.get(self.settings.group_attribute.lower(), [])
            return self._groups[group] in [parse_dn(value.decode(errors="replace")) for value in values]
        result = yield from session.search(group, "base", self._group_filter.fill(account, dn=entry.dn), ())
        if result.code != SUCCESS:
            raise TemporaryFailure(f"the search in {group} returned {describe_result(result)}")
        return len(result.entries) == 1

    def _wanted_attributes(self) -> tuple[str, ...]:
        attributes: tuple[str, ...] = ()
        if self._groups and self._group_filter is None:
            attributes += (self.settings.group_attribute,)
        if self.settings.check == "hash":
            attributes += (self.settings.hash_attribute,)
        return attributes

    def _engine(self) -> LdapEngine:
        settings = self.settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts no CA: to read those of the system takes long
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
            raise ConfigError(f"ca_file = {self.settings.ca_file}: contains no PEM certificates") from None
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST  # Python 3.13 is stricter: it refuses many in-house CAs
        if not self.settings.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _verify(stored: list[StoredHash], password: Secret) -> Verdict:
    """Return OK if one matches, else PASSWORD_MISMATCH if one was compared, else the first verdict."""
    verdicts = [each.verify(password) for each in stored]
    for verdict in (Verdict.OK, Verdict.PASSWORD_MISMATCH):
        if verdict in verdicts:
            return verdict
    return verdicts[0]

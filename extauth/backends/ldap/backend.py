"""The LDAP backend: finds an account's entry, and checks the password."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from functools import partial

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.ldap.account_state import STATE_ATTRIBUTES, account_state_verdict
from extauth.backends.ldap.directory import LdapDirectory, LdapSession
from extauth.backends.ldap.groups import RequiredGroups
from extauth.backends.ldap.messages import LdapEntry, encode_attributes
from extauth.backends.ldap.names import values_of
from extauth.backends.ldap.result_codes import NO_SUCH_OBJECT, only_entry, verdict_of_bind
from extauth.backends.ldap.search_connection import ServiceAccount
from extauth.backends.ldap.settings import (
    LdapSettings,
    binds_and_concurrency,
    check_together,
    parse_group_filter,
    parse_search,
    parse_servers,
    uses_tls,
)
from extauth.backends.network import load_password, overall_timeout
from extauth.backends.tls import load_tls_context
from extauth.errors import TemporaryFailure
from extauth.mechanisms import Credentials
from extauth.model import Account, KnownAccount, Secret, Verdict, VerdictResult
from extauth.passwords import StoredHash, identify

_NOBODY = "cn=extauth asks for no account"
"""A name without an entry. A bind with it fails, and its result does not count."""


class Ldap(Backend[LdapSettings]):
    """Finds an account's entry, and checks the password by a bind or with the stored hash."""

    Settings = LdapSettings

    def __init__(self, settings: LdapSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        check_together(settings)
        self._binds, self.concurrency = binds_and_concurrency(settings, context.workers)
        self.repeatable = settings.check == "hash"  # a failed bind counts in directories that lock accounts
        self._overall_timeout = overall_timeout(
            settings.overall_timeout,
            {"connect_timeout": settings.connect_timeout, "read_timeout": settings.read_timeout},
            context.deadline,
        )
        self._servers = parse_servers(settings)
        self._search = parse_search(settings)
        self._groups = RequiredGroups(settings.required_groups, settings.group_attribute, parse_group_filter(settings))
        attributes = self._groups.attributes() + ((settings.hash_attribute,) if settings.check == "hash" else ())
        self._attributes = encode_attributes(attributes)
        self._attributes_of_known = encode_attributes(attributes + context.attributes)
        self._attributes_with_state = encode_attributes(attributes + STATE_ATTRIBUTES)
        self._service: ServiceAccount | None = None
        self._tls: ssl.SSLContext | None = None
        self._typical: list[StoredHash] = []  # the last stored passwords that were compared

    def load(self) -> None:
        """Read the service account's password and the trusted certificates."""
        settings = self.settings
        if settings.bind_password_file is not None:
            password = load_password(self, "bind_password_file", settings.bind_password_file)
            assert settings.bind_dn is not None  # check_together has checked it
            self._service = ServiceAccount(settings.bind_dn, password)
        self._tls = load_tls_context(self, settings, uses_tls=uses_tls(settings))
        if not self._search.tells_domains_apart and (self.context.domains is None or len(self.context.domains) > 1):
            self.log.warning(
                "%s: the same name has the same entry in all domains of this backend; "
                "set domains to one domain, or put {domain} or {account} into each alternative",
                f"dn = {settings.dn!r}" if settings.filter is None else f"filter = {settings.filter!r}",
            )

    def open(self) -> None:
        """Prepare the connections. They are opened when a request first needs them."""
        self._directory = LdapDirectory(
            self._servers,
            self._tls,
            self._service,
            self.settings,
            self.log,
            overall_timeout=self._overall_timeout,
            binds=self._binds,
        )

    def close(self) -> None:
        """Close all connections that no request uses."""
        self._directory.close()

    def usable_mechanisms(self) -> frozenset[str] | None:
        """Return none if the directory compares the passwords."""
        return frozenset() if self.settings.check == "bind" else None

    async def self_test(self) -> None:
        """Connect to every server, bind as the service account or anonymously, and look for `base` and the groups."""
        self.open()
        places = [self._search.base.text] if self._search.is_needed and not self._search.base.placeholders else []
        groups = list(self.settings.required_groups)
        if self.settings.group_filter is not None:
            places, groups = places + groups, []
        attribute = self.settings.group_attribute if groups and places else None
        if not await self._directory.self_test(places, groups, attribute):
            raise TemporaryFailure("no server can be used, so this backend lets no account in")

    async def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Return whether the password is right and the account may log in."""
        if not password.reveal():
            return Verdict.PASSWORD_MISMATCH.because("an empty password")
        if self.settings.check == "bind":
            return await self._directory.ask(partial(self._bind, account, password))
        entry = await self._usable_entry(account)
        stored = entry if isinstance(entry, VerdictResult) else self._stored(entry)
        if isinstance(stored, VerdictResult):
            if self._typical:
                await _verify(self._typical, password)  # so that a refusal takes as long as a wrong password
            return stored
        self._typical = stored
        return await _verify(stored, password)

    async def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """Return the stored password or CRAM-MD5 context, after all checks except that of the password."""
        entry = await self._usable_entry(account)
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

    async def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Return OK if the account has an entry, locked or not, and is in the required groups."""
        found = await self._directory.ask(partial(self._find, account, self._attributes_of_known))
        if not isinstance(found, VerdictResult):
            return KnownAccount(Verdict.OK, attributes={name: found.texts(name) for name in self.context.attributes})
        if not (self._search.is_needed or self.settings.required_groups or self._service):
            raise TemporaryFailure(f"{found.reason}, but without bind_dn the directory may hide the entry")
        return Verdict.USER_UNKNOWN.because(found.reason)

    async def _bind(self, account: Account, password: Secret, session: LdapSession) -> VerdictResult:
        if self._search.is_needed or self.settings.required_groups:
            entry = await self._find(account, self._attributes, session)
            if isinstance(entry, VerdictResult):
                await session.bind(_NOBODY, Secret(b"none"))  # so that a refusal takes as long as a wrong password
                return entry
            dn = entry.dn
        else:
            dn = self._search.base.fill(values_of(account))
        return verdict_of_bind(await session.bind(dn, password))

    async def _usable_entry(self, account: Account) -> LdapEntry | VerdictResult:
        """Return the account's entry, or why the account may not log in."""
        entry = await self._directory.ask(partial(self._find, account, self._attributes_with_state))
        if isinstance(entry, VerdictResult):
            return entry
        return account_state_verdict(entry, datetime.datetime.now(datetime.UTC)) or entry

    async def _find(self, account: Account, attributes: bytes, session: LdapSession) -> LdapEntry | VerdictResult:
        """Return the account's only entry, or the reason if there is none or it is not in the required groups."""
        search = self._search
        values = values_of(account)
        result = await session.search(search.encode(values, attributes))
        if result.code == NO_SUCH_OBJECT and search.base.placeholders:
            return Verdict.USER_UNKNOWN.because("32 noSuchObject")
        entry = only_entry(result, search.base.fill(values), anonymous=session.is_anonymous)
        if isinstance(entry, VerdictResult):
            return entry
        group = await self._groups.missing(session, entry, account) if self.settings.required_groups else None
        return entry if group is None else Verdict.USER_DISABLED.because(f"{entry.dn} is not in {group}")

    def _stored(self, entry: LdapEntry) -> list[StoredHash] | VerdictResult:
        """Return the stored passwords that can be compared, or the reason if there is none."""
        attribute = self.settings.hash_attribute
        found = [identify(value, self.settings.default_scheme) for value in entry.attributes.get(attribute.lower(), [])]
        if not found:
            return Verdict.SCHEME_NOT_AVAILABLE.because(f"{entry.dn}: {attribute} is missing or cannot be read")
        locked = [each for each in found if isinstance(each, VerdictResult)]
        return [each for each in found if isinstance(each, StoredHash)] or locked[0]


async def _verify(stored: list[StoredHash], password: Secret) -> Verdict:
    """Return OK if one matches, else PASSWORD_MISMATCH if one was compared, else the first verdict."""
    verdicts = [
        each.verify(password) if each.quick else await asyncio.to_thread(each.verify, password) for each in stored
    ]
    for verdict in (Verdict.OK, Verdict.PASSWORD_MISMATCH):
        if verdict in verdicts:
            return verdict
    return verdicts[0]

"""The backend for password files: which of them serve which domains, and what an account's entry says."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

from extauth.backends.base import Backend, BackendContext
from extauth.backends.files.domain_path import DomainPath
from extauth.backends.files.entry import AgingPassword
from extauth.backends.files.reading import Reader
from extauth.backends.files.table import Found, Table
from extauth.errors import BackendUnavailable, ConfigError
from extauth.mechanisms.credentials import Credentials
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.passwords import SLOW, StoredHash, identify, is_scheme_name, schemes, unpack, verify_packed
from extauth.protocol.accounts import canonical_domain
from extauth.settings import Settings

_DAY = 86_400  # seconds
_DEFAULT_SCHEMES = {"plain": "", "dovecot": "CRYPT", "shadow": "CRYPT"}
_UNKNOWN = Verdict.USER_UNKNOWN.because("")


class FilesSettings(Settings, frozen=True):
    """The keys of a `files` backend.

    `path` may hold `{domain}`: one file for each. `default_scheme` says what a stored password is that does not say
    so itself, by the name that Dovecot gives it.
    """

    path: Path
    format: Literal["plain", "dovecot", "shadow"] = "plain"
    default_scheme: str | None = None


class Files(Backend[FilesSettings]):
    """Looks accounts up in memory."""

    Settings = FilesSettings
    concurrency = 1  # more would not compute more: there is a worker for each core
    fast_lookups = True

    def __init__(self, settings: FilesSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        self._scheme: str = settings.default_scheme or _DEFAULT_SCHEMES[settings.format]
        if self._scheme and not is_scheme_name(self._scheme):
            raise ConfigError(f"default_scheme = {self._scheme!r}: known are {', '.join(schemes())}")
        self._table: Table
        self._typical: StoredHash | None
        self._missing: dict[str, str] = {}  # domain -> why its file cannot be read

    def load(self) -> None:
        """Read the file, or those of all domains."""
        path = self.settings.path
        reader = Reader(self.settings.format, self._scheme, self.context.accounts, self.log)
        if DomainPath.is_one(path):
            self._load_domains(DomainPath(path), reader)
        elif path not in self.context.known_files and path.parent.is_dir() and not os.path.lexists(path):
            raise ConfigError(f"path = {path}: No such file; make one with: extauth passwd {path} name@domain")
        else:
            reader.read(path, self.read_file(path))
            several = self.context.domains is None or len(self.context.domains) > 1
            if several and reader.bare_names:
                self.log.warning(
                    "%s: %d names without a domain count in every domain that this backend serves",
                    path,
                    reader.bare_names,
                )
        self._table = Table(reader)
        self._typical = reader.typical()
        self.log.info("%s: %d account%s", path, len(self._table), "" if len(self._table) == 1 else "s")

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Whether this is the account's password; takes alike time where there is none to compare."""
        entry = self._table.find(account)
        if type(entry) is bytes:
            return verify_packed(entry, password, self._scheme)
        return self._verify(self._read(account, entry), password)

    def verify_fast(self, account: Account, password: Secret) -> Verdict | VerdictResult | None:
        """The same where the scheme is a cheap one."""
        entry = self._table.find(account)
        if type(entry) is bytes:
            return verify_packed(entry, password, self._scheme) if entry[0] < SLOW else None
        found = self._read(account, entry)
        checked = found if isinstance(found, StoredHash) else self._typical
        return self._verify(found, password) if checked is None or checked.quick else None

    def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """The account's password or context, where the file has it."""
        found = self._find(account)
        if isinstance(found, VerdictResult):
            return found
        return found.credentials() or Verdict.SCHEME_NOT_AVAILABLE.because(f"{found.scheme} is stored one-way")

    def knows_account(self, account: Account) -> Verdict:
        """Whether the account has a line, even one by which nobody logs in."""
        return Verdict.USER_UNKNOWN if self._find(account) is _UNKNOWN else Verdict.OK

    def _verify(self, found: StoredHash | VerdictResult, password: Secret) -> Verdict | VerdictResult:
        if isinstance(found, StoredHash):
            return found.verify(password)
        if self._typical is not None:
            self._typical.verify(password)
        return found

    def _find(self, account: Account) -> StoredHash | VerdictResult:
        return self._read(account, self._table.find(account))

    def _read(self, account: Account, entry: Found | None) -> StoredHash | VerdictResult:
        """What an entry of the table stands for; where there is none, that, unless the domain's file cannot be read."""
        if entry is None:
            if account.domain in self._missing:
                raise BackendUnavailable(self._missing[account.domain])
            return _UNKNOWN
        if isinstance(entry, bytes):
            return unpack(entry, self._scheme)
        if isinstance(entry, AgingPassword):
            return entry.refusal(today=int(time.time() // _DAY)) or identify(entry.stored, self._scheme)
        return entry

    def _load_domain(self, domain: str, path: Path, reader: Reader) -> None:
        if path not in self.context.known_files and not path.exists():
            self.watch(path)  # a domain whose file has never been seen knows nobody
            self.log.warning("%s: there is no such file: nobody logs in to %s", path, domain)
            return
        try:
            reader.read(path, self.read_file(path), domain)
        except BackendUnavailable as outage:
            self.log.error("%s", outage)
            self._missing[domain] = str(outage)

    def _load_domains(self, paths: DomainPath, reader: Reader) -> None:
        """Read the files of the domains that are configured, or else of those that are there or have been."""
        if self.context.domains is not None:
            for domain in self.context.domains:
                self._load_domain(domain, paths.of(domain), reader)
            return
        self.watch(paths.folder)
        try:
            there = paths.domains_there()
        except OSError as error:
            if paths.folder in self.context.known_files:
                raise BackendUnavailable(f"{paths.folder}: {error.strerror}") from None
            raise ConfigError(f"path: the folder {paths.folder}: {error.strerror}") from None
        seen = {paths.domain_of(path) for path in self.context.known_files}
        for name in sorted(seen.union(there)):
            canonical = canonical_domain(name)
            if canonical is not None and (not paths.of(name).is_dir() or paths.of(name) in self.context.known_files):
                self._load_domain(canonical, paths.of(name), reader)

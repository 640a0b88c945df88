"""The backend for password files: which file serves which domain, and the verdict for an account's entry."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Literal

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.files.domain_path import DOMAIN, DomainPath
from extauth.backends.files.formats import AgingPassword, likely_format
from extauth.backends.files.full_names import ATTRIBUTE, FullNames
from extauth.backends.files.reader import PasswordFileReader
from extauth.backends.files.table import PasswordTable, TableEntry
from extauth.errors import BackendUnavailable, ConfigError, TemporaryFailure
from extauth.mechanisms import Credentials
from extauth.model import Account, KnownAccount, Secret, Verdict, VerdictResult
from extauth.passwords import SLOW, StoredHash, identify, is_scheme_name, schemes, unpack, verify_packed
from extauth.protocol.accounts import canonical_domain
from extauth.settings import Settings

_PLACEHOLDER = re.compile(r"\{[^{}/]*\}")
_MAX_DOMAINS = 10  # in a log line
_DAY = 86_400  # seconds
_DEFAULT_SCHEMES = {"plain": "", "dovecot": "CRYPT", "shadow": "CRYPT"}
_UNKNOWN = Verdict.USER_UNKNOWN.because("")


class FilesSettings(Settings, frozen=True):
    """The keys of a `files` backend.

    `path` may contain `{domain}`: one file for each domain. `default_scheme` is the scheme of stored passwords that do
    not name their own, with Dovecot's name for it.
    """

    path: Path
    format: Literal["plain", "dovecot", "shadow"] = "plain"
    default_scheme: str | None = None


def _is_missing(path: Path) -> bool:
    """Return whether there is no such file in a folder that exists. False if this user cannot look."""
    try:
        path.lstat()
    except FileNotFoundError:
        return path.parent.is_dir()
    except OSError:
        return False
    return False


class Files(Backend[FilesSettings]):
    """Looks accounts up in memory."""

    Settings = FilesSettings
    repeatable = True
    concurrency = 1  # there is a worker for each core, so more threads would not compute more

    def __init__(self, settings: FilesSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        self._scheme: str = settings.default_scheme or _DEFAULT_SCHEMES[settings.format]
        if self._scheme and not is_scheme_name(self._scheme):
            raise ConfigError(f"default_scheme = {self._scheme!r}: known are {', '.join(schemes())}")
        unknown = set(_PLACEHOLDER.findall(str(settings.path))) - {DOMAIN}
        if unknown and not settings.path.exists():
            raise ConfigError(f"path = {str(settings.path)!r}: unknown placeholder {min(unknown)}; known is {DOMAIN}")
        self._table: PasswordTable
        self._typical: StoredHash | None
        self._weak: dict[str, int] = {}
        has_names = ATTRIBUTE in context.attributes and settings.format == "dovecot"
        self._full_names = FullNames(context.accounts) if has_names else None
        self._unavailable: dict[str, str] = {}  # domain -> why its file cannot be read

    def load(self) -> None:
        """Read the file, or the files of all domains."""
        path = self.settings.path
        reader = PasswordFileReader(self.settings.format, self._scheme, self.context.accounts, self.log)
        if DOMAIN in str(path):
            self._load_domains(DomainPath(path), reader)
        elif path not in self.context.known_files and _is_missing(path):
            raise ConfigError(f"path = {path}: No such file; create it with: extauth passwd {path} name@domain")
        else:
            data = self._read_accounts(path, reader)
            self.check_contents(path, data, len(reader))
            self._warn_about_format(path, data)
            several = self.context.domains is None or len(self.context.domains) > 1
            if several and reader.bare_names:
                self.log.warning(
                    "%s: %d names without a domain are accounts in every domain of this backend",
                    path,
                    reader.bare_names,
                )
        self._table = PasswordTable(reader)
        self._typical = reader.typical_hash()
        self._mechanisms = reader.usable_mechanisms()
        self._weak = reader.weak_schemes()
        self.log.info("%s: %d account%s", path, len(self._table), "" if len(self._table) == 1 else "s")

    def usable_mechanisms(self) -> frozenset[str]:
        """Return the mechanisms that the scheme of some account serves."""
        return self._mechanisms

    def self_test(self) -> frozenset[str]:
        """Say how many stored passwords a thief of the file could guess quickly, and who cannot log in."""
        if self._weak:
            counts = ", ".join(f"{scheme} {count}" for scheme, count in self._weak.items())
            self.log.info("%s: stored passwords that are quickly guessed: %s", self.settings.path, counts)
        by_domain = self._table.count_by_domain()
        if locked := len(self._table) - by_domain.total():
            text = "%s: %d of %d accounts cannot log in: locked, empty, or of an unknown scheme"
            self.log.info(text, self.settings.path, locked, len(self._table))
        served = self.context.domains
        others = {domain: count for domain, count in by_domain.items() if domain and served and domain not in served}
        if others:
            shown = ", ".join(f"{domain} {count}" for domain, count in sorted(others.items())[:_MAX_DOMAINS])
            more = f" and {len(others) - _MAX_DOMAINS} more" if len(others) > _MAX_DOMAINS else ""
            self.log.warning(
                "%s: accounts of domains that this backend does not serve: %s%s", self.settings.path, shown, more
            )
        if served is None and not by_domain:
            raise TemporaryFailure(f"{self.settings.path}: no account can log in")
        return frozenset(domain for domain in served or () if not by_domain[domain] and not by_domain[""])

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Check the account's password. Takes the same time for an account without one."""
        entry = self._table.find(account)
        if type(entry) is bytes:
            return verify_packed(entry, password, self._scheme)
        return self._verify(self._read(account, entry), password)

    def is_fast(self, account: Account) -> bool:
        """Return whether the account's scheme is a fast one."""
        entry = self._table.find(account)
        if type(entry) is bytes:
            return entry[0] < SLOW
        found = self._read(account, entry)
        checked = found if isinstance(found, StoredHash) else self._typical
        return checked is None or checked.quick

    def lookup_secret(self, account: Account) -> Credentials | Verdict | VerdictResult:
        """Return the clear-text password or the CRAM-MD5 context of the account, if the file has it."""
        found = self._find(account)
        if isinstance(found, VerdictResult):
            return found
        return found.credentials() or Verdict.SCHEME_NOT_AVAILABLE.because(f"{found.scheme} is stored one-way")

    def knows_account(self, account: Account) -> Verdict | KnownAccount:
        """Say whether the account has a line, even a line that allows no login."""
        if self._find(account) is _UNKNOWN:
            return Verdict.USER_UNKNOWN
        attributes = self._full_names.attributes(account) if self._full_names is not None else {}
        return KnownAccount(Verdict.OK, attributes=attributes)

    def _verify(self, found: StoredHash | VerdictResult, password: Secret) -> Verdict | VerdictResult:
        if isinstance(found, StoredHash):
            return found.verify(password)
        if self._typical is not None:
            self._typical.verify(password)
        return found

    def _find(self, account: Account) -> StoredHash | VerdictResult:
        return self._read(account, self._table.find(account))

    def _read(self, account: Account, entry: TableEntry | None) -> StoredHash | VerdictResult:
        """Return the stored password or the refusal of an entry. Raises BackendUnavailable if the domain's file is."""
        if entry is None:
            if account.domain in self._unavailable:
                raise BackendUnavailable(self._unavailable[account.domain])
            return _UNKNOWN
        if isinstance(entry, bytes):
            return unpack(entry, self._scheme)
        if isinstance(entry, AgingPassword):
            return entry.refusal(today=int(time.time() // _DAY)) or identify(entry.stored, self._scheme)
        return entry

    def _warn_about_format(self, path: Path, data: bytes) -> None:
        likely = likely_format(data) if self.settings.format == "plain" else None
        if likely is not None:
            self.log.warning('%s: is read as format = "plain", but looks like format = "%s"', path, likely)

    def _read_accounts(self, path: Path, reader: PasswordFileReader, domain: str | None = None) -> bytes:
        data = self.read_file(path)
        reader.read(path, data, domain)
        if self._full_names is not None:
            self._full_names.read(data, domain)
        return data

    def _load_domain(self, domain: str, path: Path, reader: PasswordFileReader) -> None:
        if path not in self.context.known_files and not path.exists():
            self.watch(path)  # no file has ever been there, so the domain has no accounts
            self.log.warning("%s: No such file; %s has no accounts", path, domain)
            return
        accounts = len(reader)
        try:
            data = self._read_accounts(path, reader, domain)
            self._warn_about_format(path, data)
            self.check_contents(path, data, len(reader) - accounts)
        except BackendUnavailable as error:
            reader.remove(domain)
            self.log.error("%s", error)
            self._unavailable[domain] = str(error)

    def _load_domains(self, paths: DomainPath, reader: PasswordFileReader) -> None:
        """Read the files of the configured domains. Without `domains`: all files that exist or have existed."""
        if self.context.domains is not None:
            for domain in self.context.domains:
                self._load_domain(domain, paths.file_of(domain), reader)
            return
        self.watch(paths.folder)
        try:
            existing = paths.existing_domains()
        except OSError as error:
            if paths.folder in self.context.known_files:
                raise BackendUnavailable(f"{paths.folder}: {error.strerror}") from None
            raise ConfigError(f"path: the folder {paths.folder}: {error.strerror}") from None
        known = {paths.domain_of(path) for path in self.context.known_files}
        for name in sorted(known.union(existing)):
            file, canonical = paths.file_of(name), canonical_domain(name)
            if canonical is not None and (not file.is_dir() or file in self.context.known_files):
                self._load_domain(canonical, file, reader)

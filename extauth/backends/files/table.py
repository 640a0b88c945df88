"""The lines of a password file to a table of accounts."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from extauth.backends.files import dovecot, plain, shadow
from extauth.backends.files.entry import BYTE_ORDER_MARK, AgingPassword, BadLine, Entry
from extauth.backends.files.few import Few
from extauth.backends.files.many import Many
from extauth.errors import MalformedRequest
from extauth.hashing import Hash, Packed, identify, recognize
from extauth.model import Account, Decided, Verdict
from extauth.protocol.accounts import AccountParser

FORMATS: dict[str, Callable[[bytes], tuple[str, Entry]]] = {
    "plain": plain.parse,
    "dovecot": dovecot.parse,
    "shadow": shadow.parse,
}

Found = Hash | Packed | AgingPassword | Decided
"""What a table holds for an account."""

_MOST_REPORTED = 20  # bad lines a file
_FEW = 50_000  # accounts, up to which a dict is made sooner, and what is kept of each costs little


class Kind(msgspec.Struct):
    """Stored passwords of one scheme and cost: one of them, and how many there are."""

    example: Hash
    count: int = 0


class Table:
    """Accounts to their entries, from any number of files."""

    def __init__(self, file_format: str, default_scheme: str, accounts: AccountParser, log: logging.Logger) -> None:
        self._parse = FORMATS[file_format]
        self._default_scheme = default_scheme
        self._accounts = accounts
        self._log = log
        # by name@domain, or by a bare name, that has no @
        self._stored: dict[str, bytes] = {}
        self._find: Callable[[str], Hash | Packed | Decided | None] = Few({}, default_scheme).__getitem__
        self._has_addresses = False
        self._size = 0
        self._others: dict[str, AgingPassword | Decided] = {}
        self._domains: dict[str, str] = {}  # as they are written in the files, to their canonical form
        self._kinds: dict[tuple[str, object], Kind] = {}  # by scheme and cost
        self._alike: dict[bytes, Kind] = {}  # by what those that are recognized begin with
        self.bare_names = 0

    def find(self, account: Account) -> Found | None:
        """What stands for this account; `name@domain` wins over a bare name."""
        name, found = account.name, None
        if self._has_addresses:
            address = f"{name}@{account.domain}"
            found = self._find(address) or self._others.get(address)
        if found is None and "@" not in name:  # `a@b` of `a@b@c` is no bare name, but another account
            found = self._find(name) or self._others.get(name)
        return found

    def typical(self) -> Hash | None:
        """A stored password of the most frequent scheme and cost, to spend the same time where there is none."""
        most_frequent = max(self._kinds.values(), key=lambda kind: kind.count, default=None)
        return None if most_frequent is None else most_frequent.example

    def read(self, path: Path, data: bytes, domain: str | None = None) -> None:
        """Add the lines of a file; `domain` is the one it is for, where it is for one.

        A line that cannot be read is reported and disables its account only.
        """
        bad = 0
        for number, line in enumerate(io.BytesIO(data.removeprefix(BYTE_ORDER_MARK)), start=1):
            line = line.rstrip(b"\r\n")
            if not line or line.startswith(b"#"):
                continue
            problem = self._add(line, domain)
            if problem:
                bad += 1
                if bad <= _MOST_REPORTED:
                    self._log.warning("%s, line %d: %s; nobody logs in by this line", path, number, problem)
        if bad > _MOST_REPORTED:
            self._log.warning("%s: %d more lines are as bad", path, bad - _MOST_REPORTED)

    def finish(self) -> None:
        """Be ready to be asked: all files have been read."""
        self._size = len(self._stored) + len(self._others)
        self._has_addresses = self.bare_names < self._size
        if self._size <= _FEW:
            self._find = Few(self._stored, self._default_scheme).__getitem__
        else:
            self._find = Many(self._stored).find
        self._stored = {}

    def __len__(self) -> int:
        return self._size

    def _add(self, line: bytes, domain: str | None) -> str | None:
        """Add one line; what is wrong with it, if so."""
        try:
            address, entry = self._parse(line)
            key = self._key(address, domain)
        except BadLine as bad:
            if bad.address is not None:
                try:
                    self._disable(self._key(bad.address, domain), str(bad))
                except BadLine as worse:
                    return str(worse)
            return str(bad)
        if key in self._stored or key in self._others:
            self._disable(key, "several lines are for this account")
            return f"{key} has another line before this one: both are disabled"
        if "@" not in key:
            self.bare_names += 1
        if isinstance(entry, bytes) and self._count(entry):
            self._stored[key] = entry
            return None
        stored = entry.stored if isinstance(entry, AgingPassword) else entry
        found = stored if isinstance(stored, Decided) else identify(stored, self._default_scheme)
        if isinstance(found, Decided):
            self._others[key] = found
            return found.reason if found.verdict is Verdict.SCHEME_NOT_AVAILABLE else None
        if isinstance(entry, bytes):
            self._stored[key] = entry
        else:
            self._others[key] = entry
        self._kind(found).count += 1
        return None

    def _count(self, stored: bytes) -> bool:
        """Count one that is like others that can serve; whether it is."""
        beginning = recognize(stored)
        if beginning is None:
            return False
        kind = self._alike.get(beginning)
        if kind is None:
            found = identify(stored, self._default_scheme)
            if isinstance(found, Decided):
                return False
            kind = self._alike[beginning] = self._kind(found)
        kind.count += 1
        return True

    def _kind(self, found: Hash) -> Kind:
        return self._kinds.setdefault((found.scheme, found.cost), Kind(found))

    def _disable(self, key: str, reason: str) -> None:
        self._stored.pop(key, None)
        self._others[key] = Verdict.USER_DISABLED.because(reason)

    def _key(self, address: str, domain: str | None) -> str:
        """The account's key. Raises BadLine where the name is none, or not of the domain that the file is for."""
        if not address:
            raise BadLine("has no name")
        name, at, written = address.rpartition("@")
        if not at:
            name, written = address, domain or ""
        try:
            if not written and not at:
                return self._accounts.name(name)
            canonical = self._domains.get(written)
            if canonical is None or not name:
                account = self._accounts.parse(f"{name}@{written}")
                if account is None:
                    raise BadLine("its domain is no host name")
                canonical = self._domains[written] = account.domain
            key = f"{self._accounts.name(name)}@{canonical}"
        except MalformedRequest as error:
            raise BadLine(f"its name has {error}") from None
        if domain is not None and canonical != domain:
            raise BadLine(f"its domain is not {domain}, which this file is for")
        return key

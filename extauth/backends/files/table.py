"""The lines of a password file to a table of accounts."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from extauth.backends.files import dovecot, plain, shadow
from extauth.backends.files.entry import BYTE_ORDER_MARK, AgingPassword, BadLine, Entry
from extauth.errors import MalformedRequest
from extauth.hashing import Hash, identify
from extauth.model import Account, Decided, Verdict
from extauth.protocol.accounts import AccountParser

FORMATS: dict[str, Callable[[bytes], tuple[str, Entry]]] = {
    "plain": plain.parse,
    "dovecot": dovecot.parse,
    "shadow": shadow.parse,
}

_MOST_REPORTED = 20  # bad lines a file


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
        self._entries: dict[str, Entry] = {}  # by name@domain, or by a bare name, that has no @
        self._kinds: dict[tuple[str, object], Kind] = {}  # by scheme and cost
        self.bare_names = 0

    def find(self, account: Account) -> Entry | None:
        """What stands for this account; `name@domain` wins over a bare name."""
        entry = self._entries.get(account.address)
        if entry is None and "@" not in account.name:  # `a@b` of `a@b@c` is no bare name, but another account
            entry = self._entries.get(account.name)
        return entry

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

    def __len__(self) -> int:
        return len(self._entries)

    def _add(self, line: bytes, domain: str | None) -> str | None:
        """Add one line; what is wrong with it, if so."""
        try:
            address, entry = self._parse(line)
            key = self._key(address, domain)
        except BadLine as bad:
            if bad.address is not None:
                try:
                    self._entries[self._key(bad.address, domain)] = Verdict.USER_DISABLED.because(str(bad))
                except BadLine as worse:
                    return str(worse)
            return str(bad)
        if key in self._entries:
            self._entries[key] = Verdict.USER_DISABLED.because("several lines are for this account")
            return f"{key} has another line before this one: both are disabled"
        self._entries[key], problem = self._examined(entry)
        if "@" not in key:
            self.bare_names += 1
        return problem

    def _examined(self, entry: Entry) -> tuple[Entry, str | None]:
        """The entry, or the reason in its place where it can never serve; the reason, where it has to be reported."""
        stored = entry.stored if isinstance(entry, AgingPassword) else entry
        if isinstance(stored, Decided):
            return stored, None
        found = identify(stored, self._default_scheme)
        if isinstance(found, Decided):
            return found, found.reason if found.verdict is Verdict.SCHEME_NOT_AVAILABLE else None
        kind = self._kinds.get((found.scheme, found.cost))
        if kind is None:
            kind = self._kinds[found.scheme, found.cost] = Kind(found)
        kind.count += 1
        return entry, None

    def _key(self, address: str, domain: str | None) -> str:
        """The account's key. Raises BadLine where the name is none, or not of the domain that the file is for."""
        if not address:
            raise BadLine("has no name")
        is_bare = "@" not in address
        try:
            if is_bare and domain is None:
                return self._accounts.name(address)
            account = self._accounts.parse(f"{address}@{domain}" if is_bare else address)
        except MalformedRequest as error:
            raise BadLine(f"its name has {error}") from None
        if account is None:
            raise BadLine("its domain is no host name")
        if domain is not None and account.domain != domain:
            raise BadLine(f"its domain is not {domain}, which this file is for")
        return account.address

"""The lines of password files to what they say of accounts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from pathlib import Path

import msgspec

from extauth.backends.files import dovecot, plain, shadow
from extauth.backends.files.entry import BYTE_ORDER_MARK, AgingPassword, BadLine
from extauth.errors import MalformedRequest
from extauth.model import Verdict, VerdictResult
from extauth.passwords import Packed, StoredHash, group_keys, identify, pack, pack_group
from extauth.protocol.accounts import AccountParser

_FORMATS = {"plain": plain, "dovecot": dovecot, "shadow": shadow}

_MOST_REPORTED = 20  # bad lines a file
_AT_ONCE = 16_384  # bytes


class Kind(msgspec.Struct):
    """Stored passwords of one scheme and cost: one of them, and how many there are."""

    example: StoredHash
    count: int = 0


class Reader:
    """Reads files, any number of them; what they say is by `name@domain`, or by a bare name, which has no @."""

    def __init__(self, file_format: str, default_scheme: str, accounts: AccountParser, log: logging.Logger) -> None:
        self._default_scheme = default_scheme
        self.stored: dict[str, Packed] = {}
        """Stored passwords; for each `unpack` has a StoredHash."""
        self.others: dict[str, AgingPassword | VerdictResult] = {}
        self.bare_names = 0
        self._format = _FORMATS[file_format]
        self._accounts = accounts
        self._log = log
        self._domains: dict[str, str] = {}  # as they are written in the files, to their canonical form
        self._kinds: dict[tuple[str, object], Kind] = {}  # by scheme and cost
        self._alike: dict[bytes, Kind] = {}  # by what those that are recognized have in common

    def __len__(self) -> int:
        return len(self.stored) + len(self.others)

    def typical(self) -> StoredHash | None:
        """A stored password of the most frequent scheme and cost, to spend the same time where there is none."""
        most_frequent = max(self._kinds.values(), key=lambda kind: kind.count, default=None)
        return None if most_frequent is None else most_frequent.example

    def read(self, path: Path, data: bytes, domain: str | None = None) -> None:
        """Add the lines of a file; `domain` is the one it is for, where it is for one.

        A line that cannot be read is reported and disables its account only.
        """
        bad = 0
        for numbers, lines in _cut(data.removeprefix(BYTE_ORDER_MARK)):
            left = self._add_usual(lines, domain)
            for number, line in compress(zip(numbers, lines, strict=True), left):
                problem = self._add(line, domain)
                if problem:
                    bad += 1
                    if bad <= _MOST_REPORTED:
                        self._log.warning("%s, line %d: %s; nobody logs in by this line", path, number, problem)
        if bad > _MOST_REPORTED:
            self._log.warning("%s: %d more lines are as bad", path, bad - _MOST_REPORTED)

    def _add_usual(self, lines: Sequence[bytes], domain: str | None) -> Iterable[bool]:
        """Add what is usual of some lines together, which is sooner done than one by one; which ones are left.

        That is a stored password of a usual form, where all of the lines are for accounts that are new.
        """
        try:
            addresses, stored = self._format.columns(lines)
            keys = self._usual_keys(addresses, domain)
        except (MalformedRequest, ValueError):  # that of a name that is not UTF-8 too
            return repeat(True)
        if keys is None or not self._are_new(keys):
            return repeat(True)
        forms = group_keys(stored)
        found = {form: self._kind_of(form, stored[forms.index(form)]) for form in dict.fromkeys(forms)}
        for form, kind in found.items():
            if kind is not None:
                are_alike = repeat(True) if len(found) == 1 else [each == form for each in forms]
                alike = pack_group(list(compress(stored, are_alike)), kind.example)
                self.stored.update(zip(compress(keys, are_alike), alike, strict=True))
                kind.count += len(alike)
        left = [found[form] is None for form in forms]
        if "@" not in keys[0]:
            self.bare_names += left.count(False)
        return left

    def _usual_keys(self, addresses: Sequence[bytes], domain: str | None) -> list[str] | None:
        """The keys of accounts if all are named alike, with their domain or without.

        Raises MalformedRequest, and ValueError where a name is not UTF-8.
        """
        if b"" in addresses:
            return None
        joined = b"@".join(addresses)
        if joined.count(b"@") == len(addresses) - 1:
            names = self._accounts.name(joined.decode())
            return names.split("@") if domain is None else f"{names}@".replace("@", f"@{domain}\n").split("\n")[:-1]
        if not all(b"@" in address for address in addresses):
            return None
        accounts = self._accounts.parse_many(addresses)
        served = [account.address for account in accounts if account and domain in (None, account.domain)]
        return served if len(served) == len(addresses) else None

    def _are_new(self, keys: Sequence[str]) -> bool:
        names = set(keys)
        is_new = self.stored.keys().isdisjoint(names) and self.others.keys().isdisjoint(names)
        return is_new and len(names) == len(keys)

    def _add(self, line: bytes, domain: str | None) -> str | None:
        """Add one line; what is wrong with it, if so."""
        try:
            address, entry = self._format.parse(line)
            key = self._key(address, domain)
        except BadLine as bad:
            if bad.address is not None:
                try:
                    self._disable(self._key(bad.address, domain), str(bad))
                except BadLine as worse:
                    return str(worse)
            return str(bad)
        if not self._are_new([key]):
            self._disable(key, "several lines are for this account")
            return f"{key} has another line before this one: both are disabled"
        if "@" not in key:
            self.bare_names += 1
        stored = entry.stored if isinstance(entry, AgingPassword) else entry
        found = stored if isinstance(stored, VerdictResult) else identify(stored, self._default_scheme)
        if isinstance(found, VerdictResult):
            self.others[key] = found
            return found.reason if found.verdict is Verdict.SCHEME_NOT_AVAILABLE else None
        if isinstance(entry, bytes):
            self.stored[key] = pack(entry, found)
        else:
            self.others[key] = entry
        self._kind(found).count += 1
        return None

    def _kind_of(self, form: bytes | None, stored: bytes) -> Kind | None:
        """The kind of those that are recognized as being of this form, as this one is; None where they cannot serve."""
        if form is None:
            return None
        kind = self._alike.get(form)
        if kind is None:
            found = identify(stored, self._default_scheme)
            if isinstance(found, VerdictResult):
                return None
            kind = self._alike[form] = self._kind(found)
        return kind

    def _kind(self, found: StoredHash) -> Kind:
        return self._kinds.setdefault((found.scheme, found.cost), Kind(found))

    def _disable(self, key: str, reason: str) -> None:
        self.stored.pop(key, None)
        self.others[key] = Verdict.USER_DISABLED.because(reason)

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


def _cut(data: bytes) -> Iterator[tuple[Sequence[int], Sequence[bytes]]]:
    """The lines of a file that say something, some at once: the number of each, and what it says, without its end."""
    start, number = 0, 1
    while start < len(data):
        end = data.find(b"\n", start + _AT_ONCE)
        part = data[start : end if end >= 0 else None]
        lines = part.split(b"\n")
        numbers: Sequence[int] = range(number, number + len(lines))
        number += len(lines)
        start = end + 1 or len(data)
        if b"\r" in part:
            lines = [line.rstrip(b"\r") for line in lines]
        if b"" in lines or b"#" in part:
            says = [not (line == b"" or line.startswith(b"#")) for line in lines]
            numbers, lines = list(compress(numbers, says)), list(compress(lines, says))
        if lines:
            yield numbers, lines

"""Read the lines of password files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from pathlib import Path

import msgspec

from extauth.backends.files.formats import BYTE_ORDER_MARK, FORMATS, AgingPassword, BadLine
from extauth.errors import MalformedRequest
from extauth.mechanisms import CramMd5Context
from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import Packed, StoredHash, group_keys, identify, invisible_at_ends, pack, pack_group
from extauth.protocol.accounts import AccountParser

_MAX_REPORTS = 20  # bad lines of one file
_BATCH_SIZE = 16_384  # bytes


class SchemeCount(msgspec.Struct):
    """How many stored passwords have one scheme and cost, and an example of them."""

    example: StoredHash
    count: int = 0


class PasswordFileReader:
    """Reads one or several password files of one format.

    Keys are `name@domain`, or a name without a domain, which has no `@`.
    """

    def __init__(self, file_format: str, default_scheme: str, accounts: AccountParser, log: logging.Logger) -> None:
        self._default_scheme = default_scheme
        self.packed: dict[str, Packed] = {}
        """Stored passwords. `unpack` returns a StoredHash for each of them."""
        self.others: dict[str, AgingPassword | VerdictResult] = {}
        self.bare_names = 0
        self._format = FORMATS[file_format]
        self._accounts = accounts
        self._log = log
        self._domains: dict[str, str] = {}  # domain in a file -> canonical domain
        self._counts: dict[tuple[str, object], SchemeCount] = {}  # by scheme and cost
        self._counts_by_form: dict[bytes, SchemeCount] = {}  # by the form that `group_keys` returns

    def __len__(self) -> int:
        return len(self.packed) + len(self.others)

    def typical_hash(self) -> StoredHash | None:
        """Return a stored password of the most frequent scheme and cost. Unknown accounts are checked against it."""
        most_frequent = max(self._counts.values(), key=lambda count: count.count, default=None)
        return None if most_frequent is None else most_frequent.example

    def usable_mechanisms(self) -> frozenset[str]:
        """Return the mechanisms that some stored password serves."""
        found = {type(count.example.credentials()) for count in self._counts.values() if count.count}
        if Secret in found:
            return frozenset({"CRAM-MD5", "APOP"})
        return frozenset({"CRAM-MD5"}) if CramMd5Context in found else frozenset()

    def read(self, path: Path, data: bytes, domain: str | None = None) -> None:
        """Add the lines of a file. `domain`: the domain of a file that serves one domain only.

        Logs a line that cannot be used. Such a line disables its own account only.
        """
        bad, des = 0, self._count_of_des()
        for numbers, lines in _batches(data.removeprefix(BYTE_ORDER_MARK)):
            left = self._add_batch(lines, domain)
            for number, line in compress(zip(numbers, lines, strict=True), left):
                problem = self._add_line(line, domain)
                if problem:
                    bad += 1
                    if bad <= _MAX_REPORTS:
                        self._log.warning("%s, line %d: %s; no login uses this line", path, number, problem)
        if bad > _MAX_REPORTS:
            self._log.warning("%s: %d more lines cannot be used", path, bad - _MAX_REPORTS)
        if des := self._count_of_des() - des:
            text = "%s: passwords stored with DES, of which only the first 8 characters count: %d; set them again"
            self._log.warning(text, path, des)

    def weak_schemes(self) -> dict[str, int]:
        """Return the schemes that are quickly guessed, and how many stored passwords have them."""
        weak: dict[str, int] = {}
        for (scheme, _), count in sorted(self._counts.items(), key=lambda item: item[0][0]):
            if count.example.quick and count.example.credentials() is None:
                weak[scheme] = weak.get(scheme, 0) + count.count
        return weak

    def _count_of_des(self) -> int:
        return sum(count.count for (scheme, _), count in self._counts.items() if scheme == "DES-CRYPT")

    def remove(self, domain: str) -> None:
        """Remove the accounts of a domain again."""
        for table in (self.packed, self.others):
            for key in [key for key in table if key.endswith(f"@{domain}")]:
                del table[key]

    def _add_batch(self, lines: Sequence[bytes], domain: str | None) -> Iterable[bool]:
        """Add the usual ones of several lines together. Return for each line whether `_add_line` must add it.

        This is much faster than line by line. It needs stored passwords of usual forms, and new accounts in all lines.
        """
        try:
            addresses, stored = self._format.split_lines(lines)
            keys = self._batch_keys(addresses, domain)
        except (MalformedRequest, ValueError):  # or a name is not UTF-8
            return repeat(True)
        if keys is None or not self._are_new(keys):
            return repeat(True)
        forms = group_keys(stored)
        counts = {form: self._count_for_form(form, stored[forms.index(form)]) for form in dict.fromkeys(forms)}
        for form, count in counts.items():
            if count is not None:
                has_form = repeat(True) if len(counts) == 1 else [each == form for each in forms]
                packed = pack_group(list(compress(stored, has_form)), count.example)
                self.packed.update(zip(compress(keys, has_form), packed, strict=True))
                count.count += len(packed)
        left = [counts[form] is None for form in forms]
        if "@" not in keys[0]:
            self.bare_names += left.count(False)
        return left

    def _batch_keys(self, addresses: Sequence[bytes], domain: str | None) -> list[str] | None:
        """Return the keys of the addresses if all have a domain or none has one; otherwise None.

        Raises MalformedRequest, and ValueError if a name is not UTF-8.
        """
        if b"" in addresses:
            return None
        joined = b"@".join(addresses)
        text = joined.decode()
        if " " in text or not text.isprintable():
            return None
        if joined.count(b"@") == len(addresses) - 1:
            names = self._accounts.name(text)
            return names.split("@") if domain is None else f"{names}@".replace("@", f"@{domain}\n").split("\n")[:-1]
        if not all(b"@" in address for address in addresses):
            return None
        accounts = self._accounts.parse_many(addresses)
        served = [account.address for account in accounts if account and domain in (None, account.domain)]
        return served if len(served) == len(addresses) else None

    def _are_new(self, keys: Sequence[str]) -> bool:
        names = set(keys)
        is_new = self.packed.keys().isdisjoint(names) and self.others.keys().isdisjoint(names)
        return is_new and len(names) == len(keys)

    def _add_line(self, line: bytes, domain: str | None) -> str | None:
        """Add one line. Return why it cannot be used; None if it can."""
        try:
            address, entry = self._format.parse_line(line)
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
            self.packed[key] = pack(entry, found)
        else:
            self.others[key] = entry
        self._count(found).count += 1
        return None

    def _count_for_form(self, form: bytes | None, stored: bytes) -> SchemeCount | None:
        """Return the count for a form. `stored` has this form. None if no login can use this form."""
        if form is None:
            return None
        count = self._counts_by_form.get(form)
        if count is None:
            found = identify(stored, self._default_scheme)
            if isinstance(found, VerdictResult):
                return None
            count = self._counts_by_form[form] = self._count(found)
        return count

    def _count(self, found: StoredHash) -> SchemeCount:
        return self._counts.setdefault((found.scheme, found.cost), SchemeCount(found))

    def _disable(self, key: str, reason: str) -> None:
        self.packed.pop(key, None)
        self.others[key] = Verdict.USER_DISABLED.because(reason)

    def _key(self, address: str, domain: str | None) -> str:
        """Return the key of an account. Raises BadLine for a wrong name, or a domain that is not the file's domain."""
        if not address:
            raise BadLine("has no name")
        if invisible := invisible_at_ends(address):
            raise BadLine(f"its name begins or ends with {invisible}")
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
                    raise BadLine("its domain is not a host name")
                canonical = self._domains[written] = account.domain
            key = f"{self._accounts.name(name)}@{canonical}"
        except MalformedRequest as error:
            raise BadLine(f"its name has {error}") from None
        if domain is not None and canonical != domain:
            raise BadLine(f"its domain is not {domain}, the domain of this file")
        return key


def _batches(data: bytes) -> Iterator[tuple[Sequence[int], Sequence[bytes]]]:
    """Yield the numbers and the lines of a file in batches, without comments, empty lines and line ends."""
    start, number = 0, 1
    while start < len(data):
        end = data.find(b"\n", start + _BATCH_SIZE)
        part = data[start : end if end >= 0 else None]
        lines = part.split(b"\n")
        numbers: Sequence[int] = range(number, number + len(lines))
        number += len(lines)
        start = end + 1 or len(data)
        if b"\r" in part:
            lines = [line.rstrip(b"\r") for line in lines]
        if b"" in lines or b"#" in part:
            is_entry = [not (line == b"" or line.startswith(b"#")) for line in lines]
            numbers, lines = list(compress(numbers, is_entry)), list(compress(lines, is_entry))
        if lines:
            yield numbers, lines

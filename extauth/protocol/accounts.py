"""Parse an address into an account in canonical form: docs/protocol.md, section 3, "The account"."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import cast

from extauth.errors import MalformedRequest
from extauth.model import Account

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ASCII_CONTROLS = bytes(range(0x20)) + b"\x7f"
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_MAX_DOMAIN = 1_024
_MAX_CACHED = 10_000
_MAX_CACHED_LENGTH = 255


def canonical_domain(domain: str) -> str | None:
    """Return `domain` as UTS 46 A-labels in lower case, without a trailing dot; None if it is not a host name."""
    if len(domain) > _MAX_DOMAIN:
        return None
    if domain.isascii() and "xn--" not in domain.lower():
        name = domain.lower().removesuffix(".")
    else:
        import idna  # here: it is large, and the first reply should not wait for it

        try:
            name = idna.encode(domain, uts46=True, std3_rules=True).decode().removesuffix(".")
        except idna.IDNAError:
            return None
    return name if _HOST_NAME.fullmatch(name) else None


def load_international_domains() -> None:
    """Load the tables for domains outside of ASCII. Otherwise the first one lets all requests wait for the disk."""
    canonical_domain("bücher.example")


class AccountParser:
    """Brings addresses into canonical form, by the rules of one configuration.

    An address without a domain gets `default_domain`. `lower_names` changes A to Z in names to lower case.
    """

    def __init__(self, default_domain: str | None = None, *, lower_names: bool = True) -> None:
        self.default_domain = default_domain
        self.lower_names = lower_names
        self._domains: dict[str, str | None] = {}

    def parse(self, address: str) -> Account | None:
        """Return the account; None if its domain is not a host name, so that no backend serves it.

        Raises MalformedRequest for an empty name or domain, a control character, or a missing domain without a
        default domain.
        """
        name, at, domain = address.rpartition("@")
        if not at:
            if self.default_domain is None:
                raise MalformedRequest("no domain, and default_domain is not set")
            name, domain = domain, self.default_domain
        cached = self._domains.get(domain)
        if cached is not None and name and name.isascii() and name.isprintable():  # a shortcut for most addresses
            return Account(name.lower() if self.lower_names else name, cached)
        if not name or not domain:
            raise MalformedRequest("an empty name or domain")
        if not domain.isprintable() and _CONTROL.search(domain):
            raise MalformedRequest("a control character")
        name, canonical = self.name(name), self._domain(domain)
        return None if canonical is None else Account(name, canonical)

    def parse_many(self, addresses: Sequence[bytes]) -> Sequence[Account | None]:
        """Parse addresses of lines. Return None also for a malformed one."""
        return self._parse_many_simple(addresses) or list(map(self._parse_or_none, addresses))

    def name(self, name: str) -> str:
        """Return the name part in canonical form. Raises MalformedRequest for a control character."""
        if not name.isprintable() and _CONTROL.search(name):  # other unprintable characters are allowed
            raise MalformedRequest("a control character")
        if not self.lower_names:
            return name
        return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)

    def _parse_many_simple(self, addresses: Sequence[bytes]) -> list[Account] | None:
        """Parse addresses that are all printable ASCII with a name and a host name; None if one is not.

        This is a fast path. It returns the same as `parse` for each address.
        """
        joined = b" ".join([*addresses, b""])
        if not (joined and joined.isascii()) or len(joined.translate(None, _ASCII_CONTROLS)) < len(joined):
            return None
        text = joined.decode().lower() if self.lower_names else joined.decode()
        if text.count(" ") != len(addresses):
            return None
        names: Sequence[str]
        ending = text[text.rfind("@") :]
        if text.count(ending) == len(addresses):  # all have one domain, as at most sites
            names = text.replace(ending, " ").split(" ")[:-1]
            canonical = [self._domain(ending[1:-1])] * len(names)
        else:
            names, _, domains = zip(*[address.rpartition("@") for address in text.split(" ")[:-1]], strict=True)
            canonical = list(map(self._domains.get, domains))
            if None in canonical:  # a new domain, or not a host name
                canonical = list(map(self._domain, domains))
        if not all(names) or None in canonical:
            return None
        return list(map(Account, names, cast(list[str], canonical)))

    def _parse_or_none(self, address: bytes) -> Account | None:
        try:
            return self.parse(address.decode())
        except (UnicodeDecodeError, MalformedRequest):
            return None

    def _domain(self, domain: str) -> str | None:
        try:
            return self._domains[domain]
        except KeyError:
            if len(domain) > _MAX_CACHED_LENGTH:
                return canonical_domain(domain)
            if len(self._domains) >= _MAX_CACHED:
                self._domains.clear()
            return self._domains.setdefault(domain, canonical_domain(domain))

"""An address to an account in canonical form: docs/protocol.md, section 3, "The account"."""

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
_MAX_REMEMBERED = 10_000
_MAX_REMEMBERED_LENGTH = 255


def canonical_domain(domain: str) -> str | None:
    """`domain` as UTS 46 A-labels in lower case, without a trailing dot; None where that is no host name."""
    if len(domain) > _MAX_DOMAIN:
        return None
    if domain.isascii() and "xn--" not in domain.lower():
        name = domain.lower().removesuffix(".")
    else:
        import idna  # here because it is large, and few need it

        try:
            name = idna.encode(domain, uts46=True, std3_rules=True).decode().removesuffix(".")
        except idna.IDNAError:
            return None
    return name if _HOST_NAME.fullmatch(name) else None


class AccountParser:
    """Brings addresses into canonical form, by one site's rules.

    `default_domain` is taken where an address has none; `lower_names` lowers A to Z in names.
    """

    def __init__(self, default_domain: str | None = None, *, lower_names: bool = True) -> None:
        self._default_domain = default_domain
        self._lower_names = lower_names
        self._domains: dict[str, str | None] = {}

    def parse(self, address: str) -> Account | None:
        """The account that `address` names; None where its domain is no host name, and so is served by nobody.

        Raises MalformedRequest for an empty name or domain, a control character, or a missing domain that no
        default replaces.
        """
        name, at, domain = address.rpartition("@")
        if not at:
            if self._default_domain is None:
                raise MalformedRequest("no domain, and no default domain is configured")
            name, domain = domain, self._default_domain
        known = self._domains.get(domain)
        if known is not None and name and name.isascii() and name.isprintable():  # the most frequent case, cut short
            return Account(name.lower() if self._lower_names else name, known)
        if not name or not domain:
            raise MalformedRequest("an empty name or domain")
        if not domain.isprintable() and _CONTROL.search(domain):
            raise MalformedRequest("a control character")
        name, canonical = self.name(name), self._domain(domain)
        return None if canonical is None else Account(name, canonical)

    def parse_all(self, addresses: Sequence[bytes]) -> Sequence[Account | None]:
        """The same for addresses as they stand in lines; None also where that is refused."""
        return self._parse_usual(addresses) or list(map(self._parse_or_none, addresses))

    def name(self, name: str) -> str:
        """The name part in canonical form. Raises MalformedRequest for a control character."""
        if not name.isprintable() and _CONTROL.search(name):  # more than those is not printable, and is no harm
            raise MalformedRequest("a control character")
        if not self._lower_names:
            return name
        return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)

    def _parse_usual(self, addresses: Sequence[bytes]) -> list[Account] | None:
        """Their accounts, if all are of printable ASCII and have a name and a domain that is a host name."""
        joined = b" ".join([*addresses, b""])
        if not (joined and joined.isascii()) or len(joined.translate(None, _ASCII_CONTROLS)) < len(joined):
            return None
        text = joined.decode().lower() if self._lower_names else joined.decode()
        if text.count(" ") != len(addresses):
            return None
        names: Sequence[str]
        ending = text[text.rfind("@") :]
        if text.count(ending) == len(addresses):  # all are of one domain, as at most sites
            names = text.replace(ending, " ").split(" ")[:-1]
            canonical = [self._domain(ending[1:-1])] * len(names)
        else:
            names, _, domains = zip(*[address.rpartition("@") for address in text.split(" ")[:-1]], strict=True)
            canonical = list(map(self._domains.get, domains))
            if None in canonical:  # it has not been seen, or is none
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
            if len(domain) > _MAX_REMEMBERED_LENGTH:
                return canonical_domain(domain)
            if len(self._domains) >= _MAX_REMEMBERED:
                self._domains.clear()
            return self._domains.setdefault(domain, canonical_domain(domain))

"""The full names of the accounts in a password file, for `[provision]`. Only Dovecot's format has them."""

from __future__ import annotations

import contextlib

from extauth.backends.files.formats import BYTE_ORDER_MARK
from extauth.errors import MalformedRequest
from extauth.model import Account
from extauth.protocol.accounts import AccountParser

ATTRIBUTE = "cn"
"""The name of the attribute, as in a directory (RFC 2307, section 5.3)."""

_GECOS = 4  # the field with the full name; further parts follow a comma


class FullNames:
    """Full names by account. Lines without one take no memory."""

    def __init__(self, accounts: AccountParser) -> None:
        self._accounts = accounts
        self._names: dict[str, str] = {}

    def read(self, data: bytes, domain: str | None = None) -> None:
        """Add the lines of a file. `domain`: the domain of a file that serves one domain only."""
        for line in data.removeprefix(BYTE_ORDER_MARK).split(b"\n"):
            fields = line.split(b":", _GECOS + 1)
            if len(fields) > _GECOS and fields[_GECOS] and not line.startswith(b"#"):
                with contextlib.suppress(UnicodeDecodeError, MalformedRequest):  # the reader reports a bad address
                    self._add(fields[0].decode(), fields[_GECOS].decode().partition(",")[0].strip(), domain)

    def attributes(self, account: Account) -> dict[str, tuple[str, ...]]:
        """Return the full name of an account as an attribute, if the file has it."""
        name = self._names.get(account.address) or self._names.get(account.name)
        return {ATTRIBUTE: (name,)} if name else {}

    def _add(self, address: str, full_name: str, domain: str | None) -> None:
        if "@" not in address and domain is None:
            self._names[self._accounts.name(address)] = full_name
        elif account := self._accounts.parse(address if "@" in address else f"{address}@{domain}"):
            self._names[account.address] = full_name

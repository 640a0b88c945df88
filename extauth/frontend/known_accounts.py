"""Which accounts have logged in since the helper started: the others are newcomers."""

from __future__ import annotations

import mmap
from collections.abc import Iterable

from extauth.model import Account

_SIZE = 2**22  # bytes; pages that are never touched take no memory


class KnownAccounts:
    """A set of accounts that forgets none. It may contain one more in a thousand, of four thousand accounts.

    It takes a byte for each account, because a site may have a million.
    """

    def __init__(self) -> None:
        self._seen = mmap.mmap(-1, _SIZE)  # zeros; a bytearray would write each of them, which takes 4 ms

    def add(self, account: Account) -> None:
        """Add an account that has logged in."""
        self._seen[hash(account) % _SIZE] = 1

    def are_newcomers(self, accounts: Iterable[Account]) -> list[bool]:
        """Return for each account whether it is a newcomer."""
        seen = self._seen
        return [not seen[hash(account) % _SIZE] for account in accounts]

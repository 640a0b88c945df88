"""Which accounts have logged in since the helper started: the others are newcomers."""

from __future__ import annotations

from extauth.model import Account

_SIZE = 2**22  # bytes; pages that are never touched take no memory


class KnownAccounts:
    """A set of accounts that forgets none. It may contain one more in a thousand, of four thousand accounts.

    It takes a byte for each account, because a site may have a million.
    """

    def __init__(self) -> None:
        self._seen = bytearray(_SIZE)

    def add(self, account: Account) -> None:
        """Add an account that has logged in."""
        self._seen[hash(account) % _SIZE] = 1

    def __contains__(self, account: Account) -> bool:
        return bool(self._seen[hash(account) % _SIZE])

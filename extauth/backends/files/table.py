"""What password files say of an account."""

from __future__ import annotations

from collections.abc import Callable

from extauth.backends.files.entry import AgingPassword
from extauth.backends.files.many import Many
from extauth.backends.files.reading import Reader
from extauth.model import Account, VerdictResult
from extauth.passwords import Packed

Found = Packed | AgingPassword | VerdictResult
"""What a table holds for an account."""

_FEW = 50_000  # accounts, up to which a dict is made sooner, and what is kept of each costs little


class Table:
    """Accounts to what has been read of them."""

    def __init__(self, reader: Reader) -> None:
        self._size = len(reader)
        self._has_addresses = reader.bare_names < self._size
        self._others = reader.others
        self._find: Callable[[str], Packed | None] = (
            reader.stored.get if self._size <= _FEW else Many(reader.stored).find
        )

    def __len__(self) -> int:
        return self._size

    def find(self, account: Account) -> Found | None:
        """What stands for this account; `name@domain` wins over a bare name."""
        name, found = account.name, None
        if self._has_addresses:
            address = f"{name}@{account.domain}"
            found = self._find(address) or self._others.get(address)
        if found is None and "@" not in name:  # `a@b` of `a@b@c` is no bare name, but another account
            found = self._find(name) or self._others.get(name)
        return found

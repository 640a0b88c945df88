"""A stored password whose scheme is known: what every scheme has in common."""

from __future__ import annotations

from typing import Any

import msgspec

from extauth.errors import BackendUnavailable
from extauth.mechanisms.credentials import Credentials
from extauth.model import Secret, Verdict

_OK, _MISMATCH = Verdict.OK, Verdict.PASSWORD_MISMATCH  # to look them up takes as long as to compare two digests


class UnusableHash(Exception):
    """A stored value that cannot be checked; the message says why, and shows no part of it."""


class StoredHash(msgspec.Struct, frozen=True, eq=False):
    """One stored password. Its representation shows no part of what is stored.

    `scheme` and `cost` together group entries that take about the same time to check. `quick` says that a check
    takes no more than about a third of a millisecond of CPU: such a check is not worth a thread.
    """

    scheme: str
    cost: str | int
    quick: bool

    def verify(self, password: Secret) -> Verdict:
        """OK or PASSWORD_MISMATCH; SCHEME_NOT_AVAILABLE where this machine's library does not know the scheme.

        Raises BackendUnavailable where the memory that the scheme asks for cannot be had.
        """
        given = password.reveal()
        if 0 in given:  # C strings end there, and HMAC pads its key with it: `pw` and `pw\0` would be alike
            return _MISMATCH
        try:
            same = self._matches(given)
        except ValueError:  # what hashlib, passlib and bcrypt raise for a scheme that they were built without
            return Verdict.SCHEME_NOT_AVAILABLE
        except MemoryError:
            raise BackendUnavailable(f"{self.scheme}: no memory to check a password with") from None
        return _OK if same else _MISMATCH

    def credentials(self) -> Credentials | None:
        """What secure methods can be checked with: the password, or a context, where that is what is stored."""
        return None

    def _matches(self, password: bytes) -> bool:
        """Whether `password`, which holds no NUL, is the stored one, compared in constant time."""
        raise TypeError(f"{type(self).__name__} compares nothing")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scheme!r}, cost={self.cost!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("scheme", self.scheme), ("cost", self.cost)]

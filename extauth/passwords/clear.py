"""Passwords that are stored in the clear: {PLAIN}, {CLEAR}, {CLEARTEXT}."""

from __future__ import annotations

from extauth.model import Secret
from extauth.passwords.stored import StoredHash, UnusableHash


class ClearText(StoredHash, frozen=True, eq=False):
    """The password itself, which is what secure methods need."""

    secret: Secret

    def credentials(self) -> Secret:
        """The password itself."""
        return self.secret

    def _matches(self, password: bytes) -> bool:
        return self.secret.matches(password)


def read(password: bytes) -> StoredHash:
    """`password` as it is stored; raises UnusableHash where it is empty."""
    if not password:
        raise UnusableHash("empty")
    return ClearText("PLAIN", "", True, Secret(password))

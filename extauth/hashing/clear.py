"""Passwords that are stored in the clear: {PLAIN}, {CLEAR}, {CLEARTEXT}."""

from __future__ import annotations

from extauth.hashing.hash import Hash, Unusable
from extauth.model import Secret


class ClearText(Hash, frozen=True, eq=False):
    """The password itself, which is what secure methods need."""

    secret: Secret

    def credentials(self) -> Secret:
        """The password itself."""
        return self.secret

    def _matches(self, password: bytes) -> bool:
        return self.secret.matches(password)


def read(password: bytes) -> Hash:
    """`password` as it is stored; raises Unusable where it is empty."""
    if not password:
        raise Unusable("empty")
    return ClearText("PLAIN", "", True, Secret(password))

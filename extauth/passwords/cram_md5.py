"""Dovecot's {CRAM-MD5} and {HMAC-MD5}: a context of CRAM-MD5. It has no salt."""

from __future__ import annotations

from extauth.mechanisms.credentials import OF_NOTHING, CramMd5Context
from extauth.model import Secret
from extauth.passwords.stored import StoredHash, UnusableHash


class CramMd5(StoredHash, frozen=True, eq=False):
    """A context, that serves CRAM-MD5, and knows its password again."""

    context: CramMd5Context

    def credentials(self) -> CramMd5Context:
        """The context."""
        return self.context

    def _matches(self, password: bytes) -> bool:
        return self.context.matches(CramMd5Context.of(Secret(password)))


def read(value: bytes) -> StoredHash:
    """The context of these bytes; raises UnusableHash where there are too many or too few, or it is of no password."""
    try:
        context = CramMd5Context(value)
    except ValueError:
        raise UnusableHash("malformed: the length does not fit") from None
    if context.matches(OF_NOTHING):
        raise UnusableHash("of an empty password")
    return CramMd5("CRAM-MD5", "", True, context)

"""The schemes that mechanisms can use: clear text ({PLAIN}, {CLEAR}, {CLEARTEXT}) and CRAM-MD5 contexts.

{CRAM-MD5} and {HMAC-MD5} are Dovecot's names for a context. A context has no salt.
"""

from __future__ import annotations

from extauth.mechanisms import EMPTY_PASSWORD_CONTEXT, CramMd5Context
from extauth.model import Secret
from extauth.passwords.stored import StoredHash, UnusableHash


class ClearTextHash(StoredHash, frozen=True, eq=False):
    """The password itself. Every mechanism can use it."""

    secret: Secret

    def credentials(self) -> Secret:
        """Return the password itself."""
        return self.secret

    def _matches(self, password: bytes) -> bool:
        return self.secret.matches(password)


class CramMd5Hash(StoredHash, frozen=True, eq=False):
    """A CRAM-MD5 context. It serves CRAM-MD5, and a clear-text password can be checked against it."""

    context: CramMd5Context

    def credentials(self) -> CramMd5Context:
        """Return the context."""
        return self.context

    def _matches(self, password: bytes) -> bool:
        return self.context.matches(CramMd5Context.of(Secret(password)))


def read_clear_text(password: bytes) -> StoredHash:
    """Read a clear-text password. Raises UnusableHash if it is empty."""
    if not password:
        raise UnusableHash("empty")
    return ClearTextHash("PLAIN", "", True, Secret(password))


def read_cram_md5(value: bytes) -> StoredHash:
    """Read the bytes of a context. Raises UnusableHash if the length is wrong or the password is empty."""
    try:
        context = CramMd5Context(value)
    except ValueError:
        raise UnusableHash("malformed: the length does not fit") from None
    if context.matches(EMPTY_PASSWORD_CONTEXT):
        raise UnusableHash("of an empty password")
    return CramMd5Hash("CRAM-MD5", "", True, context)

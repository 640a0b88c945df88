"""What a response is checked with: the password, or a context, which is what CRAM-MD5 needs of it and no more.

A context is HMAC-MD5 keyed with the password (RFC 2104, section 4): HMAC's two digests begin with one block each that
depends on the key alone, and the states behind these are kept, as in Dovecot's {CRAM-MD5}: the outer digest's first.
"""

from __future__ import annotations

import hashlib
import hmac

from extauth.mechanisms import md5
from extauth.model import Redacted, Secret

_STATE = 16  # bytes
_OUTER, _INNER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x5C, 0x36))


class CramMd5Context(Redacted, frozen=True, eq=False):
    """The 32 bytes of a context, which are as good as the password for CRAM-MD5.

    Raises ValueError where there are more or fewer.
    """

    def __post_init__(self) -> None:
        if not isinstance(self._bytes, bytes) or len(self._bytes) != 2 * _STATE:
            raise ValueError("a CRAM-MD5 context is 32 bytes")

    @classmethod
    def of(cls, password: Secret) -> CramMd5Context:
        """The context of this password."""
        key = password.reveal()
        if len(key) > md5.BLOCK:
            key = hashlib.md5(key, usedforsecurity=False).digest()
        block = key.ljust(md5.BLOCK, b"\0")
        return cls(b"".join(md5.compress(md5.INITIAL, block.translate(pad)) for pad in (_OUTER, _INNER)))

    def hmac(self, text: bytes) -> bytes:
        """HMAC-MD5 of `text`, keyed with the password."""
        inner = md5.digest(self._bytes[_STATE:], md5.BLOCK, text)
        return md5.digest(self._bytes[:_STATE], md5.BLOCK, inner)

    def matches(self, other: CramMd5Context) -> bool:
        """Whether both are of one password, in a time that does not depend on where they differ."""
        return hmac.compare_digest(self._bytes, other._bytes)


Credentials = Secret | CramMd5Context

OF_NOTHING = CramMd5Context.of(Secret(b""))
"""The context of an empty password, with which nobody logs in."""

"""scrypt (RFC 7914) in passlib's form: `$scrypt$ln=16,r=8,p=1$salt$key`."""

from __future__ import annotations

import hashlib
import hmac
import re

from extauth.passwords.costs import scrypt_cost
from extauth.passwords.encodings import unpadded_base64
from extauth.passwords.stored import StoredHash, UnusableHash

_FORM = (
    rb"\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,3})"
    rb"\$([+/0-9A-Za-z]{0,1366})\$([+/0-9A-Za-z]{43})"
)
_NO_LIMIT = (1 << 31) - 1  # of hashlib's own, which counts otherwise than costs.SCRYPT_MEMORY


class Scrypt(StoredHash, frozen=True, eq=False):
    """A derived key of 32 bytes."""

    log2_n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def _matches(self, password: bytes) -> bool:
        try:
            key = hashlib.scrypt(
                password, salt=self.salt, n=1 << self.log2_n, r=self.r, p=self.p, maxmem=_NO_LIMIT, dklen=32
            )
        except ValueError as error:
            if "malloc failure" in str(error):
                raise MemoryError from None
            raise
        return hmac.compare_digest(key, self.key)


def read(value: bytes) -> StoredHash:
    """The stored password; raises UnusableHash where it is malformed or over the cost limit."""
    match = re.fullmatch(_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    log2_n, r, p = int(match[1]), int(match[2]), int(match[3])
    cost = scrypt_cost(log2_n, r, p)
    return Scrypt("SCRYPT", cost, False, log2_n, r, p, unpadded_base64(match[4]), unpadded_base64(match[5]))

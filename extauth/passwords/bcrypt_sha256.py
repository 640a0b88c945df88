"""`$bcrypt-sha256$v=2,...$`, passlib's bcrypt without the limit of 72 bytes: the password is keyed-hashed first."""

from __future__ import annotations

import base64
import hmac
import re

from extauth.passwords import crypt3
from extauth.passwords.stored import StoredHash, UnusableHash

_FORM = rb"\$bcrypt-sha256\$v=2,t=(2[ab]),r=([1-9]?[0-9])\$([^$]{22})\$([^$]{31})"


class BcryptSha256(StoredHash, frozen=True, eq=False):
    """bcrypt of base64(HMAC-SHA256(key = salt, text = password)), under the same salt."""

    salt: bytes
    bcrypt: crypt3.Crypt

    def _matches(self, password: bytes) -> bool:
        return self.bcrypt._matches(base64.b64encode(hmac.digest(self.salt, password, "sha256")))


def read(value: bytes) -> StoredHash:
    """The stored password; raises UnusableHash where it is malformed or over the cost limit."""
    match = re.fullmatch(_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    variant, cost, salt, digest = match.groups()
    bcrypt = crypt3.BCRYPT.read(b"$%s$%02d$%s%s" % (variant, int(cost), salt, digest))
    return BcryptSha256("BCRYPT-SHA256", bcrypt.cost, False, salt, bcrypt)

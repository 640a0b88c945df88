"""An account's own password, stored as clear text or as a hash (docs/protocol.md, section 6)."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
from typing import Literal

import msgspec
from passlib.context import CryptContext  # type: ignore[import-untyped]

from extauth.model import CheckRequest, ResponseRequest, Secret

Encryption = Literal["clear", "crypt"]
"""How a new password is stored. The mail server calls this *Password Encryption*: clear or U-crpt."""

SCHEMES = {
    "$6$": "sha512_crypt",
    "$5$": "sha256_crypt",
    "$2b$": "bcrypt",
    "$1$": "md5_crypt",
    "{SSHA}": "ldap_salted_sha1",
    "{SHA}": "ldap_sha1",
    "{SMD5}": "ldap_salted_md5",
    "{MD5}": "ldap_md5",
}
"""The prefix of each supported hash, and passlib's name for its scheme."""

_UNSALTED = re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}=|\{MD5\}[A-Za-z0-9+/]{22}==")  # passlib accepts any text here

_MAX_HASHED = 4_096  # bytes; passlib rejects longer passwords

_CONTEXT = CryptContext(list(SCHEMES.values()), sha512_crypt__default_rounds=5_000)  # the default of crypt(3)


class OwnPassword(msgspec.Struct, frozen=True):
    """A stored password. An empty one matches nothing.

    is_hash: `stored` is a hash, and the password itself is unknown.
    """

    stored: Secret
    is_hash: bool = False

    def matches(self, request: CheckRequest) -> bool:
        """Return True if the password or the response in `request` is right. May take a second."""
        stored = self.stored.reveal()
        if not stored:
            return False
        if isinstance(request, ResponseRequest):
            given = Secret(request.response.reveal().lower())
            return not self.is_hash and given.matches(_response(request, stored))
        password = request.password.reveal()
        return _verify(password, stored.decode()) if self.is_hash else self.stored.matches(password)


def read_hash(text: str) -> OwnPassword:
    """Return the own password with this hash. Raises ValueError if the hash is not usable. May take a second."""
    password = parse_hash(text)
    if _CONTEXT.verify(b"", text):
        raise ValueError("must not be the hash of the empty password, which never matches")
    return password


def parse_hash(text: str) -> OwnPassword:
    """Return the own password with this hash. Raises ValueError if the hash is incomplete. Computes no hash."""
    is_complete = False
    if text.startswith(("{SHA}", "{MD5}")):
        is_complete = _UNSALTED.fullmatch(text) is not None
    elif handler := _CONTEXT.identify(text, resolve=True):
        with contextlib.suppress(ValueError):
            is_complete = handler.from_string(text).checksum is not None
    if not is_complete:
        raise ValueError(f"must be a complete hash that begins with one of {', '.join(SCHEMES)}")
    return OwnPassword(Secret(text.encode()), is_hash=True)


def new_own_password(password: Secret, encryption: Encryption) -> OwnPassword:
    """Return a new own password, stored as `encryption` says. Raises ValueError if it cannot be stored."""
    length = len(password.reveal())
    if not length or b"\0" in password.reveal():
        raise ValueError("a password must have at least one byte and no NUL byte")
    if encryption == "clear":
        return OwnPassword(password)
    if length > _MAX_HASHED:
        raise ValueError(f"a hashed password must have at most {_MAX_HASHED:,} bytes")
    return OwnPassword(Secret(_CONTEXT.hash(password.reveal()).encode()), is_hash=True)


def _verify(password: bytes, stored: str) -> bool:
    if not 0 < len(password) <= _MAX_HASHED or b"\0" in password:  # passlib raises for these; no hash matches them
        return False
    return bool(_CONTEXT.verify(password[:72] if stored.startswith("$2") else password, stored))


def _response(request: ResponseRequest, password: bytes) -> bytes:
    """Return the right response to the challenge (RFC 2195; RFC 1939, section 7)."""
    challenge = request.challenge.reveal()
    if request.mechanism == "CRAM-MD5":
        return hmac.new(password, challenge, hashlib.md5).hexdigest().encode()
    return hashlib.md5(challenge + password, usedforsecurity=False).hexdigest().encode()

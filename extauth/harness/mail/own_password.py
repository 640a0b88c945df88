"""An account's own password, as the mail server stores it: in the clear or one-way (docs/protocol.md, section 6)."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Literal

import msgspec
from passlib.context import CryptContext  # type: ignore[import-untyped]

from extauth.model import CheckRequest, ResponseRequest, Secret

Encryption = Literal["clear", "crypt"]
"""How a new password is stored: the server's *Password Encryption*, clear or U-crpt."""

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
"""What a stored one-way password may begin with, and passlib's name for that scheme."""

_UNSALTED = re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}=|\{MD5\}[A-Za-z0-9+/]{22}==")  # passlib takes any text here

_MAX_HASHED = 4_096  # bytes of a password: passlib takes no more

_CONTEXT = CryptContext(list(SCHEMES.values()), sha512_crypt__default_rounds=5_000)  # as many as crypt(3) takes


class OwnPassword(msgspec.Struct, frozen=True):
    """What is stored; `one_way`: it is a hash, and the password itself is not known. An empty one matches nothing."""

    stored: Secret
    one_way: bool = False

    def answers(self, question: CheckRequest) -> bool:
        """Whether the password given, or the one that the response was made with, is this one. May take a second."""
        stored = self.stored.reveal()
        if not stored:
            return False
        if isinstance(question, ResponseRequest):
            given = Secret(question.response.reveal().lower())
            return not self.one_way and given.matches(_response(question, stored))
        password = question.password.reveal()
        return _verify(password, stored.decode()) if self.one_way else self.stored.matches(password)


def read_hash(text: str) -> OwnPassword:
    """A password that is stored one-way. Raises ValueError, which says what would be right."""
    try:
        is_of_the_empty_one = _CONTEXT.verify(b"", text)
    except ValueError:
        is_of_the_empty_one = None
    if is_of_the_empty_one is None or (text.startswith(("{SHA}", "{MD5}")) and not _UNSALTED.fullmatch(text)):
        raise ValueError(f"must be a whole hash that begins with one of {', '.join(SCHEMES)}")
    if is_of_the_empty_one:
        raise ValueError("must not be the hash of the empty password, which lets nobody in")
    return OwnPassword(Secret(text.encode()), one_way=True)


def store(password: Secret, encryption: Encryption) -> OwnPassword:
    """A new password as it shall be stored. Raises ValueError, with what would be right, for one that cannot be."""
    length = len(password.reveal())
    if not length or b"\0" in password.reveal():
        raise ValueError("a password is at least one byte, and none of them is a NUL")
    if encryption == "clear":
        return OwnPassword(password)
    if length > _MAX_HASHED:
        raise ValueError(f"a password that is stored one-way is at most {_MAX_HASHED:,} bytes")
    return OwnPassword(Secret(_CONTEXT.hash(password.reveal()).encode()), one_way=True)


def _verify(password: bytes, stored: str) -> bool:
    if not 0 < len(password) <= _MAX_HASHED or b"\0" in password:  # passlib refuses these: no hash is of such a one
        return False
    return bool(_CONTEXT.verify(password[:72] if stored.startswith("$2") else password, stored))


def _response(question: ResponseRequest, password: bytes) -> bytes:
    """What somebody who knows the password answers to the challenge (RFC 2195; RFC 1939, section 7)."""
    challenge = question.challenge.reveal()
    if question.mechanism == "CRAM-MD5":
        return hmac.new(password, challenge, hashlib.md5).hexdigest().encode()
    return hashlib.md5(challenge + password, usedforsecurity=False).hexdigest().encode()

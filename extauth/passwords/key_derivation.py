"""Key derivation functions: Argon2, scrypt and PBKDF2.

    Argon2   RFC 9106, in the form of the reference implementation: `$argon2id$v=19$m=65536,t=3,p=4$salt$tag`
    scrypt   RFC 7914, in passlib's form: `$scrypt$ln=16,r=8,p=1$salt$key`
    PBKDF2   RFC 8018, section 5.2, in the forms of passlib, OpenLDAP's pw-pbkdf2 and Dovecot

Every `read...` function raises UnusableHash if the value is malformed or over the cost limit.

Only this file uses `core` of argon2-cffi, which binds `argon2_ctx` of the C library. `hash_secret_raw` of argon2-cffi
starts a thread for each lane. Meanwhile the calling thread uses no processor time, so its worker would take the call
for one that hangs. There is a worker for each core, so more threads compute no more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

import msgspec

from extauth.passwords.stored import (
    ARGON2_LANES,
    ARGON2_MEMORY,
    ARGON2_STARTS,
    ARGON2_WORK,
    PBKDF2_ROUNDS,
    StoredHash,
    UnusableHash,
    at_most,
    dotted_base64,
    hexadecimal,
    scrypt_cost,
    unpadded_base64,
)


class Argon2Parameters(msgspec.Struct, frozen=True):
    """`variant`: `I`, `D` or `ID`. `memory`: KiB. The lanes are computed one after the other, with the same result."""

    variant: str
    version: int
    memory: int
    passes: int
    lanes: int


def argon2_tag(password: bytes, salt: bytes, size: int, parameters: Argon2Parameters) -> bytes:
    """Return the tag (RFC 9106) of this many bytes. Raise MemoryError if it cannot be computed."""
    from argon2.low_level import Type, core, ffi  # imported here because it is large

    out = ffi.new("uint8_t[]", size)
    password_buffer, salt_buffer = ffi.new("uint8_t[]", password), ffi.new("uint8_t[]", salt)
    context = ffi.new(
        "argon2_context *",
        {
            "out": out,
            "outlen": size,
            "pwd": password_buffer,
            "pwdlen": len(password),
            "salt": salt_buffer,
            "saltlen": len(salt),
            "t_cost": parameters.passes,
            "m_cost": parameters.memory,
            "lanes": parameters.lanes,
            "threads": 1,
            "version": parameters.version,
        },
    )
    if core(context, Type[parameters.variant].value) != 0:
        raise MemoryError  # the parameters have been checked
    return bytes(ffi.buffer(out, size))


# --- Argon2 -------------------------------------------------------------------------------------------

_ARGON2_FORM = (
    rb"\$argon2(id|i|d)(?:\$v=(16|19))?\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9})"
    rb"\$([+/0-9A-Za-z]{11,88})\$([+/0-9A-Za-z]{22,88})"  # a salt of 8 to 66 bytes and a tag of 16 to 66 bytes
)
_OLDEST_ARGON2_VERSION = 16  # it wrote no version into the text


class Argon2Hash(StoredHash, frozen=True, eq=False):
    """A tag computed over `memory` KiB, `passes` times, in `lanes` parts."""

    variant: str
    version: int
    memory: int
    passes: int
    lanes: int
    salt: bytes
    tag: bytes

    def _matches(self, password: bytes) -> bool:
        parameters = Argon2Parameters(self.variant, self.version, self.memory, self.passes, self.lanes)
        tag = argon2_tag(password, self.salt, len(self.tag), parameters)
        return hmac.compare_digest(tag, self.tag)


def read_argon2(value: bytes) -> StoredHash:
    """Read any variant of Argon2."""
    match = re.fullmatch(_ARGON2_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    variant = match[1].decode().upper()
    memory, passes, lanes = int(match[3]), int(match[4]), int(match[5])
    if memory < 8 * lanes:
        raise UnusableHash("malformed: too little memory for the lanes")
    at_most(ARGON2_MEMORY, memory, "KiB")
    at_most(ARGON2_WORK, memory * passes, "KiB times passes")
    at_most(ARGON2_LANES, lanes, "lanes")
    at_most(ARGON2_STARTS, lanes * passes, "lanes times passes")
    return Argon2Hash(
        f"ARGON2{variant}",
        f"m={memory},t={passes},p={lanes}",
        False,
        variant,
        int(match[2] or _OLDEST_ARGON2_VERSION),
        memory,
        passes,
        lanes,
        unpadded_base64(match[6]),
        unpadded_base64(match[7]),
    )


def argon2_reader(variant: bytes) -> Callable[[bytes], StoredHash]:
    """Return a function that reads only this variant of Argon2."""

    def read_variant(value: bytes) -> StoredHash:
        if not value.startswith(b"$argon2" + variant + b"$"):
            raise UnusableHash("malformed")
        return read_argon2(value)

    return read_variant


# --- scrypt -------------------------------------------------------------------------------------------

_SCRYPT_FORM = (
    rb"\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,3})"
    rb"\$([+/0-9A-Za-z]{0,1366})\$([+/0-9A-Za-z]{43})"
)
_NO_LIMIT = (1 << 31) - 1  # for hashlib's own limit, which counts differently from SCRYPT_MEMORY


class ScryptHash(StoredHash, frozen=True, eq=False):
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


def read_scrypt(value: bytes) -> StoredHash:
    """Read `$scrypt$...`."""
    match = re.fullmatch(_SCRYPT_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    log2_n, r, p = int(match[1]), int(match[2]), int(match[3])
    cost = scrypt_cost(log2_n, r, p)
    return ScryptHash("SCRYPT", cost, False, log2_n, r, p, unpadded_base64(match[4]), unpadded_base64(match[5]))


# --- PBKDF2 -------------------------------------------------------------------------------------------

# passlib and OpenLDAP write `.` in place of `+` and no padding, 389 Directory Server writes usual base64
_PBKDF2_FORM = rb"([1-9][0-9]{0,19})\$([+./0-9A-Za-z]{0,1366}={0,2})\$([+./0-9A-Za-z]+={0,2})"
_PHC_FORM = rb"(?:v=1\$)?i=([1-9][0-9]{0,19})(?:,l=[1-9][0-9]{0,3})?\$([+/0-9A-Za-z]{0,1366})\$([+/0-9A-Za-z]+)"
_DOVECOT_FORM = rb"\$1\$([^$\x00-\x20\x7f-\xff]{1,64})\$([1-9][0-9]{0,19})\$([0-9A-Fa-f]+)"
_KEY_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}


class Pbkdf2Hash(StoredHash, frozen=True, eq=False):
    """A derived key with the length of the algorithm's digest. The cost is the number of rounds."""

    algorithm: str
    salt: bytes
    rounds: int
    key: bytes

    def _matches(self, password: bytes) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(self.algorithm, password, self.salt, self.rounds), self.key)


def read_pbkdf2_sha1(value: bytes) -> StoredHash:
    """Read `{PBKDF2}`: Dovecot's form `$1$salt$rounds$hex` or OpenLDAP's form `rounds$salt$key`."""
    match = re.fullmatch(_DOVECOT_FORM, value)
    if match is None:
        return _read_pbkdf2("sha1", value)
    return pbkdf2("sha1", salt=match[1], rounds=int(match[2]), key=hexadecimal(match[3]))


def read_pbkdf2_sha256(value: bytes) -> StoredHash:
    """Read `{PBKDF2-SHA256}`: `rounds$salt$key`."""
    return _read_pbkdf2("sha256", value)


def read_pbkdf2_sha512(value: bytes) -> StoredHash:
    """Read `{PBKDF2-SHA512}`: `rounds$salt$key`."""
    return _read_pbkdf2("sha512", value)


def read_modular_pbkdf2(value: bytes) -> StoredHash:
    """Read `$pbkdf2$rounds$salt$key`, `$pbkdf2-sha256$...` or `$pbkdf2-sha512$...`, also with `i=rounds,l=length`."""
    _, ident, rest = value.split(b"$", 2)
    return _read_pbkdf2({b"pbkdf2": "sha1", b"pbkdf2-sha256": "sha256", b"pbkdf2-sha512": "sha512"}[ident], rest)


def _read_pbkdf2(algorithm: str, value: bytes) -> StoredHash:
    match = re.fullmatch(_PBKDF2_FORM, value) or re.fullmatch(_PHC_FORM, value)
    if match is None:
        raise UnusableHash("malformed")
    salt, key = (dotted_base64(part.rstrip(b"=")) for part in (match[2], match[3]))
    return pbkdf2(algorithm, salt=salt, rounds=int(match[1]), key=key)


def pbkdf2(algorithm: str, *, salt: bytes, rounds: int, key: bytes) -> StoredHash:
    """Return the stored password of these values. Raises UnusableHash if they do not fit or cost too much."""
    if len(key) != _KEY_SIZES[algorithm]:
        raise UnusableHash("malformed: the length does not fit")
    at_most(PBKDF2_ROUNDS, rounds, "rounds")
    return Pbkdf2Hash(f"PBKDF2-{algorithm.upper()}", rounds, False, algorithm, salt, rounds, key)

"""The crypt(3) family: the schemes of crypt(5), Apache's `$apr1$`, and passlib's `$bcrypt-sha256$`.

libcrypt checks them. If libcrypt does not know a scheme, passlib checks it if it can.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable

import msgspec

from extauth.passwords import libcrypt
from extauth.passwords.stored import (
    BCRYPT_COST,
    SHA_CRYPT_ROUNDS,
    StoredHash,
    UnusableHash,
    at_most,
    scrypt_cost,
)

BCRYPT_MAX_PASSWORD = 72
"""Bytes of a password that bcrypt uses. It ignores the rest."""

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class CryptHash(StoredHash, frozen=True, eq=False):
    """A stored password that is both the setting for crypt(3) and its result."""

    stored: bytes
    crypt_scheme: CryptScheme

    def _matches(self, password: bytes) -> bool:
        return self.crypt_scheme.matches(self.stored, password)


class CryptScheme(msgspec.Struct, frozen=True):
    """The form of the stored passwords of one scheme, and how to read their cost.

    `passlib_name` is the passlib handler that checks them if libcrypt cannot. Schemes that use much memory have no
    such handler. In their stored passwords the letter at `place_of_n` gives the amount of memory.
    """

    scheme: str
    pattern: bytes
    cost: Callable[[re.Match[bytes]], str | int] = lambda match: ""
    quick: bool = False
    passlib_name: str = ""
    place_of_n: int = 0

    def read(self, value: bytes) -> CryptHash:
        """Read a stored password. Raises UnusableHash if it is malformed or over the cost limit."""
        match = re.fullmatch(self.pattern, value)
        if match is None:
            raise UnusableHash("malformed")
        return CryptHash(self.scheme, self.cost(match), self.quick, value, self)

    def matches(self, stored: bytes, password: bytes) -> bool:
        """Return whether `password`, which has no NUL, is the stored one, which has this form.

        Raises ValueError if no library here knows the scheme. Raises MemoryError.
        """
        if self is BCRYPT:
            password = password[:BCRYPT_MAX_PASSWORD]  # the bcrypt package refuses more
        if len(password) > libcrypt.MAX_PASSWORD:
            return False
        result = libcrypt.crypt(password, stored)
        if result is not None:
            return hmac.compare_digest(result, stored)
        if self.passlib_name:
            import passlib.hash  # type: ignore[import-untyped]  # imported here because it is large

            return bool(getattr(passlib.hash, self.passlib_name).verify(password, stored.decode()))
        if libcrypt.crypt(b"", self._with_least_memory(stored)) is not None:
            raise MemoryError  # libcrypt knows the scheme: it failed for lack of memory
        raise ValueError(f"{self.scheme} needs a libcrypt that knows it")

    def _with_least_memory(self, stored: bytes) -> bytes:
        return stored[: self.place_of_n] + b"0" + stored[self.place_of_n + 1 :]


class BcryptSha256Hash(StoredHash, frozen=True, eq=False):
    """passlib's bcrypt without the limit of 72 bytes.

    It is the bcrypt of base64(HMAC-SHA256(key = salt, text = password)), with the same salt.
    """

    salt: bytes
    bcrypt: CryptHash

    def _matches(self, password: bytes) -> bool:
        return self.bcrypt._matches(base64.b64encode(hmac.digest(self.salt, password, "sha256")))


def read(value: bytes) -> CryptHash:
    """Read a stored password of any crypt(3) scheme. Raises UnusableHash if it belongs to none."""
    if value.startswith(b"$"):
        scheme = SCHEMES.get(value.split(b"$", 2)[1])
        if scheme is None:
            raise UnusableHash("unknown crypt(3) scheme")
        return scheme.read(value)
    return DES.read(value) if len(value) <= 13 else BIGCRYPT.read(value)


def matches(stored: bytes, password: bytes) -> bool:
    """Return whether `password` is the stored one, which begins with the `$name$` of a crypt(3) scheme."""
    return SCHEMES[stored.split(b"$", 2)[1]].matches(stored, password)


def read_bcrypt_sha256(value: bytes) -> StoredHash:
    """Read `$bcrypt-sha256$v=2,...$`. Raises UnusableHash if it is malformed or over the cost limit."""
    match = re.fullmatch(_BCRYPT_SHA256, value)
    if match is None:
        raise UnusableHash("malformed")
    variant, cost, salt, digest = match.groups()
    bcrypt = BCRYPT.read(b"$%s$%02d$%s%s" % (variant, int(cost), salt, digest))
    return BcryptSha256Hash("BCRYPT-SHA256", bcrypt.cost, False, salt, bcrypt)


def _bcrypt_cost(match: re.Match[bytes]) -> int:
    return at_most(BCRYPT_COST, int(match[1]), "(bcrypt)")


def _sha_crypt_rounds(match: re.Match[bytes]) -> int:
    return at_most(SHA_CRYPT_ROUNDS, int(match[1] or 5000), "rounds")


def _yescrypt_cost(match: re.Match[bytes]) -> str:
    log2_n, r = (_ALPHABET.index(letter) + 1 for letter in match[1])
    return scrypt_cost(log2_n, r, 1)


def _scrypt_cost(match: re.Match[bytes]) -> str:
    return scrypt_cost(_ALPHABET.index(match[1]), _number(match[2]), _number(match[3]))


def _number(letters: bytes) -> int:
    """Decode six bits for each letter, lowest bits first."""
    return sum(_ALPHABET.index(letter) << 6 * place for place, letter in enumerate(letters))


# crypt(3) accepts any visible character in a salt, except those with a meaning in password files.
_SALT = rb"[^\x00-\x20!*:;\\$\x7f-\xff]"
# libcrypt would take a salt like `rounds=999999999` as a number of rounds. The cost limit would not see it.
_SHA_SALT = rb"(?:rounds=([1-9][0-9]{3,8})\$)?(?!rounds=)" + _SALT + rb"{0,16}"
# For `$y$` only the parameters that crypt_gensalt(3) makes: the default flavour `j`, a letter for N and one for r.
_YESCRYPT = rb"j([./0-9A-Za-j]{2})\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}"
_BCRYPT_SHA256 = rb"\$bcrypt-sha256\$v=2,t=(2[ab]),r=([1-9]?[0-9])\$([^$]{22})\$([^$]{31})"

# The last letter of a DES digest, a bcrypt digest or a bcrypt salt has fewer than six bits. So only some letters fit.
DES = CryptScheme("DES-CRYPT", rb"[./0-9A-Za-z]{12}[.26AEIMQUYcgkosw]", quick=True, passlib_name="des_crypt")
# slappasswd makes this for {CRYPT} by default: DES for each eight bytes of the password.
BIGCRYPT = CryptScheme(
    "BIGCRYPT",
    rb"[./0-9A-Za-z]{2}(?:[./0-9A-Za-z]{10}[.26AEIMQUYcgkosw]){2,16}",
    quick=True,
    passlib_name="bigcrypt",
)
MD5 = CryptScheme("MD5-CRYPT", rb"\$1\$" + _SALT + rb"{0,8}\$[./0-9A-Za-z]{22}", quick=True, passlib_name="md5_crypt")
APR1 = CryptScheme("APR1", rb"\$apr1\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}", passlib_name="apr_md5_crypt")
SHA256 = CryptScheme(
    "SHA256-CRYPT",
    rb"\$5\$" + _SHA_SALT + rb"\$[./0-9A-Za-z]{43}",
    _sha_crypt_rounds,
    passlib_name="sha256_crypt",
)
SHA512 = CryptScheme(
    "SHA512-CRYPT",
    rb"\$6\$" + _SHA_SALT + rb"\$[./0-9A-Za-z]{86}",
    _sha_crypt_rounds,
    passlib_name="sha512_crypt",
)
BCRYPT = CryptScheme(
    "BLF-CRYPT",
    rb"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./0-9A-Za-z]{21}[.Oeu][./0-9A-Za-z]{30}[.CGKOSWaeimquy26]",
    _bcrypt_cost,
    passlib_name="bcrypt",
)
YESCRYPT = CryptScheme("YESCRYPT", rb"\$y\$" + _YESCRYPT, _yescrypt_cost, place_of_n=4)
GOST_YESCRYPT = CryptScheme("GOST-YESCRYPT", rb"\$gy\$" + _YESCRYPT, _yescrypt_cost, place_of_n=5)
SCRYPT = CryptScheme(
    "SCRYPT",
    rb"\$7\$([./0-9A-Za-z])([./0-9A-Za-z]{5})([./0-9A-Za-z]{5})" + _SALT + rb"{0,86}\$[./0-9A-Za-z]{43}",
    _scrypt_cost,
    place_of_n=3,
)

SCHEMES = {
    b"1": MD5,
    b"apr1": APR1,
    b"5": SHA256,
    b"6": SHA512,
    b"2a": BCRYPT,
    b"2b": BCRYPT,
    b"2y": BCRYPT,
    b"y": YESCRYPT,
    b"gy": GOST_YESCRYPT,
    b"7": SCRYPT,
}
"""The text between the first two `$` to the scheme."""

"""The crypt(3) family: crypt(5), and Apache's variant `$apr1$` of md5-crypt.

libcrypt checks them; where it does not know one, passlib does, as far as it can.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

import msgspec

from extauth.hashing import libcrypt
from extauth.hashing.costs import BCRYPT_COST, SHA_CRYPT_ROUNDS, at_most, scrypt_cost
from extauth.hashing.hash import Hash, Unusable

BCRYPT_MAX_PASSWORD = 72
"""Bytes of a password that bcrypt looks at: what follows them makes no difference."""

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Crypt(Hash, frozen=True, eq=False):
    """A stored password that is the setting for crypt(3), and its result, in one."""

    stored: bytes
    passlib_name: str

    def _matches(self, password: bytes) -> bool:
        if self.scheme == "BLF-CRYPT":
            password = password[:BCRYPT_MAX_PASSWORD]  # the bcrypt package refuses more
        if len(password) > libcrypt.MAX_PASSWORD:
            return False
        result = libcrypt.crypt(password, self.stored)
        return self._matches_in_passlib(password) if result is None else hmac.compare_digest(result, self.stored)

    def _matches_in_passlib(self, password: bytes) -> bool:
        if not self.passlib_name:
            raise ValueError(f"{self.scheme} needs a libcrypt that knows it")
        import passlib.hash  # type: ignore[import-untyped]  # here because it is large

        return bool(getattr(passlib.hash, self.passlib_name).verify(password, self.stored.decode()))


class Form(msgspec.Struct, frozen=True):
    """What the stored passwords of one scheme look like, and how their cost is read from there."""

    scheme: str
    pattern: re.Pattern[bytes]
    cost: Callable[[re.Match[bytes]], str | int] = lambda match: ""
    quick: bool = False
    passlib_name: str = ""

    def read(self, value: bytes) -> Crypt:
        """The stored password; raises Unusable where it is malformed or over the cost limit."""
        match = self.pattern.fullmatch(value)
        if match is None:
            raise Unusable("malformed")
        return Crypt(self.scheme, self.cost(match), self.quick, value, self.passlib_name)


def read(value: bytes) -> Crypt:
    """A stored password of whichever of these schemes; raises Unusable where it is of none."""
    if value.startswith(b"$"):
        form = FORMS.get(value.split(b"$", 2)[1])
        if form is None:
            raise Unusable("unknown crypt(3) scheme")
        return form.read(value)
    return DES.read(value)


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
    """Six bits a letter, the lowest ones first."""
    return sum(_ALPHABET.index(letter) << 6 * place for place, letter in enumerate(letters))


# A salt is what crypt(3) passes on: any visible character but those that password files give a meaning of their own.
_SALT = rb"[^\x00-\x20!*:;\\$\x7f-\xff]"
# Of `$y$` the parameters that crypt_gensalt(3) makes: the default flavour `j`, a letter for N and one for r.
_YESCRYPT = rb"j([./0-9A-Za-j]{2})\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}"

# The last letter of a DES or bcrypt digest, or of a bcrypt salt, has fewer than six bits: not every one can be there.
DES = Form("DES-CRYPT", re.compile(rb"[./0-9A-Za-z]{12}[.26AEIMQUYcgkosw]"), quick=True, passlib_name="des_crypt")
MD5 = Form(
    "MD5-CRYPT", re.compile(rb"\$1\$" + _SALT + rb"{0,8}\$[./0-9A-Za-z]{22}"), quick=True, passlib_name="md5_crypt"
)
APR1 = Form("APR1", re.compile(rb"\$apr1\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}"), passlib_name="apr_md5_crypt")
SHA256 = Form(
    "SHA256-CRYPT",
    re.compile(rb"\$5\$(?:rounds=([1-9][0-9]{3,8})\$)?" + _SALT + rb"{0,16}\$[./0-9A-Za-z]{43}"),
    _sha_crypt_rounds,
    passlib_name="sha256_crypt",
)
SHA512 = Form(
    "SHA512-CRYPT",
    re.compile(rb"\$6\$(?:rounds=([1-9][0-9]{3,8})\$)?" + _SALT + rb"{0,16}\$[./0-9A-Za-z]{86}"),
    _sha_crypt_rounds,
    passlib_name="sha512_crypt",
)
BCRYPT = Form(
    "BLF-CRYPT",
    re.compile(rb"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./0-9A-Za-z]{21}[.Oeu][./0-9A-Za-z]{30}[.CGKOSWaeimquy26]"),
    _bcrypt_cost,
    passlib_name="bcrypt",
)
YESCRYPT = Form("YESCRYPT", re.compile(rb"\$y\$" + _YESCRYPT), _yescrypt_cost)
GOST_YESCRYPT = Form("GOST-YESCRYPT", re.compile(rb"\$gy\$" + _YESCRYPT), _yescrypt_cost)
SCRYPT = Form(
    "SCRYPT",
    re.compile(rb"\$7\$([./0-9A-Za-z])([./0-9A-Za-z]{5})([./0-9A-Za-z]{5})" + _SALT + rb"{0,86}\$[./0-9A-Za-z]{43}"),
    _scrypt_cost,
)

FORMS = {
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
"""What stands between the first two `$`, to the form."""

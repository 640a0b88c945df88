"""The crypt(3) family: crypt(5), and Apache's variant `$apr1$` of md5-crypt.

libcrypt checks them; where it does not know one, passlib does, as far as it can.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

import msgspec

from extauth.passwords import libcrypt
from extauth.passwords.costs import BCRYPT_COST, SHA_CRYPT_ROUNDS, at_most, scrypt_cost
from extauth.passwords.stored import StoredHash, UnusableHash

BCRYPT_MAX_PASSWORD = 72
"""Bytes of a password that bcrypt looks at: what follows them makes no difference."""

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Crypt(StoredHash, frozen=True, eq=False):
    """A stored password that is the setting for crypt(3), and its result, in one."""

    stored: bytes
    form: Form

    def _matches(self, password: bytes) -> bool:
        return self.form.matches(self.stored, password)


class Form(msgspec.Struct, frozen=True):
    """What the stored passwords of one scheme look like, and how their cost is read from there.

    `passlib_name` is who checks them where libcrypt cannot; nobody else can check those that take memory, in which the
    letter at `place_of_n` says how much.
    """

    scheme: str
    pattern: bytes
    cost: Callable[[re.Match[bytes]], str | int] = lambda match: ""
    quick: bool = False
    passlib_name: str = ""
    place_of_n: int = 0

    def read(self, value: bytes) -> Crypt:
        """The stored password; raises UnusableHash where it is malformed or over the cost limit."""
        match = re.fullmatch(self.pattern, value)
        if match is None:
            raise UnusableHash("malformed")
        return Crypt(self.scheme, self.cost(match), self.quick, value, self)

    def matches(self, stored: bytes, password: bytes) -> bool:
        """Whether `password`, which holds no NUL, is the stored one, which is of this form.

        Raises ValueError where nobody here can tell, and MemoryError.
        """
        if self is BCRYPT:
            password = password[:BCRYPT_MAX_PASSWORD]  # the bcrypt package refuses more
        if len(password) > libcrypt.MAX_PASSWORD:
            return False
        result = libcrypt.crypt(password, stored)
        if result is not None:
            return hmac.compare_digest(result, stored)
        if self.passlib_name:
            import passlib.hash  # type: ignore[import-untyped]  # here because it is large

            return bool(getattr(passlib.hash, self.passlib_name).verify(password, stored.decode()))
        if libcrypt.crypt(b"", self._with_the_smallest_memory(stored)) is not None:
            raise MemoryError
        raise ValueError(f"{self.scheme} needs a libcrypt that knows it")

    def _with_the_smallest_memory(self, stored: bytes) -> bytes:
        return stored[: self.place_of_n] + b"0" + stored[self.place_of_n + 1 :]


def read(value: bytes) -> Crypt:
    """A stored password of whichever of these schemes; raises UnusableHash where it is of none."""
    if value.startswith(b"$"):
        form = FORMS.get(value.split(b"$", 2)[1])
        if form is None:
            raise UnusableHash("unknown crypt(3) scheme")
        return form.read(value)
    return DES.read(value) if len(value) <= 13 else BIGCRYPT.read(value)


def matches(stored: bytes, password: bytes) -> bool:
    """Whether `password` is the stored one, which begins with the `$name$` of one of these schemes."""
    return FORMS[stored.split(b"$", 2)[1]].matches(stored, password)


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
# A salt like `rounds=999999999` would be no salt to libcrypt, but a billion rounds that no limit has seen.
_SHA_SALT = rb"(?:rounds=([1-9][0-9]{3,8})\$)?(?!rounds=)" + _SALT + rb"{0,16}"
# Of `$y$` the parameters that crypt_gensalt(3) makes: the default flavour `j`, a letter for N and one for r.
_YESCRYPT = rb"j([./0-9A-Za-j]{2})\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}"

# The last letter of a DES or bcrypt digest, or of a bcrypt salt, has fewer than six bits: not every one can be there.
DES = Form("DES-CRYPT", rb"[./0-9A-Za-z]{12}[.26AEIMQUYcgkosw]", quick=True, passlib_name="des_crypt")
# What slappasswd makes of {CRYPT} unless told otherwise: DES for each eight bytes of the password.
BIGCRYPT = Form(
    "BIGCRYPT",
    rb"[./0-9A-Za-z]{2}(?:[./0-9A-Za-z]{10}[.26AEIMQUYcgkosw]){2,16}",
    quick=True,
    passlib_name="bigcrypt",
)
MD5 = Form("MD5-CRYPT", rb"\$1\$" + _SALT + rb"{0,8}\$[./0-9A-Za-z]{22}", quick=True, passlib_name="md5_crypt")
APR1 = Form("APR1", rb"\$apr1\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}", passlib_name="apr_md5_crypt")
SHA256 = Form(
    "SHA256-CRYPT",
    rb"\$5\$" + _SHA_SALT + rb"\$[./0-9A-Za-z]{43}",
    _sha_crypt_rounds,
    passlib_name="sha256_crypt",
)
SHA512 = Form(
    "SHA512-CRYPT",
    rb"\$6\$" + _SHA_SALT + rb"\$[./0-9A-Za-z]{86}",
    _sha_crypt_rounds,
    passlib_name="sha512_crypt",
)
BCRYPT = Form(
    "BLF-CRYPT",
    rb"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./0-9A-Za-z]{21}[.Oeu][./0-9A-Za-z]{30}[.CGKOSWaeimquy26]",
    _bcrypt_cost,
    passlib_name="bcrypt",
)
YESCRYPT = Form("YESCRYPT", rb"\$y\$" + _YESCRYPT, _yescrypt_cost, place_of_n=4)
GOST_YESCRYPT = Form("GOST-YESCRYPT", rb"\$gy\$" + _YESCRYPT, _yescrypt_cost, place_of_n=5)
SCRYPT = Form(
    "SCRYPT",
    rb"\$7\$([./0-9A-Za-z])([./0-9A-Za-z]{5})([./0-9A-Za-z]{5})" + _SALT + rb"{0,86}\$[./0-9A-Za-z]{43}",
    _scrypt_cost,
    place_of_n=3,
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

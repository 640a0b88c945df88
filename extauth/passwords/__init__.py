"""Passwords at rest: what a stored password is, whether a password matches it, and how to make one.

    identify   a stored password -> a StoredHash that verifies, or why it cannot serve
    recognize  the same of many at once: which are alike
    verify     the two in one step: a stored password, a password -> a verdict
    packed     a stored password as tables keep it, ready to be checked
    make       a password -> a stored password
    schemes    the table: names and forms -> the file of the family that reads them
    clear      the password itself
    cram_md5   what CRAM-MD5 needs of it
    digests    {SHA}, {SSHA} and their like
    crypt3     crypt(3): bcrypt, sha512-crypt, yescrypt, ... (libcrypt: the system's library)
    argon, bcrypt_sha256, pbkdf2, scrypt
    costs      how much a check may cost

Importing this is cheap: passlib, argon2 and bcrypt are imported when a stored password first needs them.
"""

from extauth.passwords.identify import identify
from extauth.passwords.make import MAKEABLE, make_hash
from extauth.passwords.packed import SLOW, Packed, pack, pack_alike, unpack, verify_packed
from extauth.passwords.recognize import recognize
from extauth.passwords.schemes import known_scheme, schemes
from extauth.passwords.stored import StoredHash
from extauth.passwords.verify import verify_hash

__all__ = [
    "MAKEABLE",
    "SLOW",
    "Packed",
    "StoredHash",
    "identify",
    "known_scheme",
    "make_hash",
    "pack",
    "pack_alike",
    "recognize",
    "schemes",
    "unpack",
    "verify_hash",
    "verify_packed",
]

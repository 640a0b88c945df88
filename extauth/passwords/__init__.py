"""Stored passwords: find the scheme, check a password, make a new one.

    schemes           the table of schemes; start here to add one
    stored            StoredHash, the base class of every scheme; cost limits; text encodings
    identify          a stored password -> a StoredHash that verifies, or the reason why it is unusable; verify_hash
    clear             clear text and CRAM-MD5 contexts
    digests           {SHA}, {SSHA} and similar schemes
    crypt3            crypt(3): bcrypt, sha512-crypt, yescrypt, ...
    libcrypt          calls crypt(3) in the system's library
    key_derivation    Argon2, scrypt, PBKDF2
    web_applications  the forms of Django, WordPress and phpBB
    make              a password -> a stored password
    packed            stored passwords in the form that tables keep

Importing this package is cheap. passlib, argon2 and bcrypt are imported when a stored password first needs them.
"""

from extauth.passwords.identify import identify, invisible_at_ends, verify_hash, verify_hash_async
from extauth.passwords.packed import SLOW, Packed, group_keys, pack, pack_group, unpack, verify_packed
from extauth.passwords.schemes import is_scheme_name, schemes
from extauth.passwords.stored import StoredHash

__all__ = [
    "SLOW",
    "Packed",
    "StoredHash",
    "group_keys",
    "identify",
    "invisible_at_ends",
    "is_scheme_name",
    "pack",
    "pack_group",
    "schemes",
    "unpack",
    "verify_hash",
    "verify_hash_async",
    "verify_packed",
]

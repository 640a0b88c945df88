"""The table of schemes: which names and forms a stored password may have, and who reads them.

The names are Dovecot's, with OpenLDAP's and passlib's for the schemes that Dovecot does not know.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from extauth.passwords import argon, bcrypt_sha256, clear, cram_md5, crypt3, digests, pbkdf2, scrypt
from extauth.passwords.encodings import SUFFIXES, hexadecimal
from extauth.passwords.stored import StoredHash


class Scheme(msgspec.Struct, frozen=True):
    """What a name in braces stands for: `read` takes the value that `decode` makes of the text behind the brace."""

    name: str
    read: Callable[[bytes], StoredHash]
    decode: Callable[[bytes], bytes] = bytes


def scheme_named(name: bytes) -> Scheme | None:
    """The scheme of that name, whatever its case, with or without a suffix such as `.HEX`; None for an unknown one."""
    scheme = _SCHEMES.get(name) or _SCHEMES.get(name.upper())
    if scheme is not None:
        return scheme
    name, _, suffix = name.upper().rpartition(b".")
    scheme, decode = _SCHEMES.get(name), SUFFIXES.get(suffix)
    return Scheme(scheme.name, scheme.read, decode) if scheme is not None and decode is not None else None


def scheme_of_form(value: bytes) -> Scheme | None:
    """The scheme of a value that begins with `$name$`; None for an unknown one."""
    return _MODULAR.get(value.split(b"$", 2)[1])


def known_scheme(name: str) -> bool:
    """Whether `name` can stand in braces, or as a default scheme."""
    return scheme_named(name.encode()) is not None


def schemes() -> tuple[str, ...]:
    """The names that can stand in braces, sorted; each may have a suffix `.HEX` or `.B64`."""
    return tuple(sorted(name.decode() for name in _SCHEMES))


def _read_md5(value: bytes) -> StoredHash:
    return digests.MD5.read(value) if len(value) == 16 else crypt3.MD5.read(value)


def _decode_md5(text: bytes) -> bytes:
    return text if text.startswith(b"$1$") else digests.MD5.decode(text)


def _scheme(name: str, family: digests.DigestScheme) -> Scheme:
    return Scheme(name, family.read, family.decode)


_SCHEMES = {
    scheme.name.encode(): scheme
    for scheme in (
        Scheme("PLAIN", clear.read),
        Scheme("CLEAR", clear.read),
        Scheme("CLEARTEXT", clear.read),
        Scheme("CRAM-MD5", cram_md5.read, hexadecimal),
        Scheme("HMAC-MD5", cram_md5.read, hexadecimal),
        Scheme("MD5", _read_md5, _decode_md5),  # md5-crypt to Dovecot, the digest to RFC 2307: no value is both
        _scheme("PLAIN-MD5", digests.MD5),
        _scheme("LDAP-MD5", digests.MD5),
        _scheme("SMD5", digests.SMD5),
        _scheme("SHA", digests.SHA),
        _scheme("SHA1", digests.SHA),
        _scheme("SSHA", digests.SSHA),
        _scheme("SHA256", digests.SHA256),
        _scheme("SSHA256", digests.SSHA256),
        _scheme("SHA512", digests.SHA512),
        _scheme("SSHA512", digests.SSHA512),
        Scheme("CRYPT", crypt3.read),
        Scheme("DES-CRYPT", crypt3.DES.read),
        Scheme("MD5-CRYPT", crypt3.MD5.read),
        Scheme("SHA256-CRYPT", crypt3.SHA256.read),
        Scheme("SHA512-CRYPT", crypt3.SHA512.read),
        Scheme("BLF-CRYPT", crypt3.BCRYPT.read),
        Scheme("PBKDF2", pbkdf2.read_sha1),
        Scheme("PBKDF2-SHA256", pbkdf2.read_sha256),
        Scheme("PBKDF2-SHA512", pbkdf2.read_sha512),
        Scheme("ARGON2", argon.read),
        Scheme("ARGON2I", argon.reader_of(b"i")),
        Scheme("ARGON2D", argon.reader_of(b"d")),
        Scheme("ARGON2ID", argon.reader_of(b"id")),
    )
}

_MODULAR = {ident: Scheme(form.scheme, form.read) for ident, form in crypt3.FORMS.items()} | {
    b"argon2i": Scheme("ARGON2I", argon.read),
    b"argon2d": Scheme("ARGON2D", argon.read),
    b"argon2id": Scheme("ARGON2ID", argon.read),
    b"bcrypt-sha256": Scheme("BCRYPT-SHA256", bcrypt_sha256.read),
    b"pbkdf2": Scheme("PBKDF2-SHA1", pbkdf2.read_modular),
    b"pbkdf2-sha256": Scheme("PBKDF2-SHA256", pbkdf2.read_modular),
    b"pbkdf2-sha512": Scheme("PBKDF2-SHA512", pbkdf2.read_modular),
    b"scrypt": Scheme("SCRYPT", scrypt.read),
}

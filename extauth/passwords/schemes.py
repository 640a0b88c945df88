"""The table of schemes: the names and forms of stored passwords, and the functions that read them.

The names are Dovecot's. For schemes that Dovecot does not know they are OpenLDAP's or passlib's.

To add a scheme: write a subclass of StoredHash and a function that reads its stored form, as in digests.py. Then add
a line here: to `_BY_NAME` for a `{NAME}`, to `_BY_IDENT` for a `$name$`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from extauth.passwords import clear, crypt3, digests, key_derivation, web_applications
from extauth.passwords.stored import StoredHash, base64, hexadecimal


class Scheme(msgspec.Struct, frozen=True):
    """The scheme of a stored password. `decode` decodes the text after the brace, `read` reads the result.

    `form_decides`: a value in the form `$name$...` of another scheme belongs to that scheme, whatever the name before.
    """

    name: str
    read: Callable[[bytes], StoredHash]
    decode: Callable[[bytes], bytes] = bytes
    form_decides: bool = False

    @property
    def keeps_blanks(self) -> bool:
        """Whether blanks at the end are a part of the password."""
        return self.read is clear.read_clear_text and self.decode is bytes


def scheme_named(name: bytes) -> Scheme | None:
    """Return the scheme of that name, in any case, with or without a suffix such as `.HEX`; None if unknown."""
    scheme = _BY_NAME.get(name) or _BY_NAME.get(name.upper())
    if scheme is not None:
        return scheme
    name, _, suffix = name.upper().rpartition(b".")
    scheme, decode = _BY_NAME.get(name), _SUFFIXES.get(suffix)
    return (
        Scheme(scheme.name, scheme.read, decode, scheme.form_decides)
        if scheme is not None and decode is not None
        else None
    )


def scheme_of_form(value: bytes) -> Scheme | None:
    """Return the scheme of a value that begins with `$name$`; None if unknown."""
    return _BY_IDENT.get(value.split(b"$", 2)[1])


def django_scheme(value: bytes) -> Scheme | None:
    """Return the scheme of a value in one of Django's forms, `name$...`; None if it is in none of them."""
    name = web_applications.django_form_of(value)
    return None if name is None else Scheme(name, web_applications.read_django)


def is_scheme_name(name: str) -> bool:
    """Return whether `name` can stand in braces or be a default scheme."""
    return scheme_named(name.encode()) is not None


def schemes() -> tuple[str, ...]:
    """Return the names that can stand in braces, sorted. Each may have a suffix `.HEX` or `.B64`."""
    return tuple(sorted(name.decode() for name in _BY_NAME))


def _read_md5(value: bytes) -> StoredHash:
    return digests.MD5.read(value) if len(value) == 16 else crypt3.MD5.read(value)


def _decode_md5(text: bytes) -> bytes:
    return text if text.startswith(b"$1$") else digests.MD5.decode(text)


def _digest(name: str, scheme: digests.DigestScheme) -> Scheme:
    return Scheme(name, scheme.read, scheme.decode)


_BY_NAME = {
    scheme.name.encode(): scheme
    for scheme in (
        Scheme("PLAIN", clear.read_clear_text),
        Scheme("CLEAR", clear.read_clear_text),
        Scheme("CLEARTEXT", clear.read_clear_text),
        Scheme("CRAM-MD5", clear.read_cram_md5, hexadecimal),
        Scheme("HMAC-MD5", clear.read_cram_md5, hexadecimal),
        Scheme(
            "MD5", _read_md5, _decode_md5, form_decides=True
        ),  # Dovecot: md5-crypt; RFC 2307: the digest; no value is both
        _digest("PLAIN-MD5", digests.MD5),
        _digest("LDAP-MD5", digests.MD5),
        _digest("SMD5", digests.SMD5),
        _digest("SHA", digests.SHA),
        _digest("SHA1", digests.SHA),
        _digest("SSHA", digests.SSHA),
        _digest("SHA256", digests.SHA256),
        _digest("SSHA256", digests.SSHA256),
        _digest("SHA224", digests.SHA224),
        _digest("SSHA224", digests.SSHA224),
        _digest("SHA384", digests.SHA384),
        _digest("SSHA384", digests.SSHA384),
        _digest("SHA512", digests.SHA512),
        _digest("SSHA512", digests.SSHA512),
        Scheme("CRYPT", crypt3.read, form_decides=True),
        Scheme("DES-CRYPT", crypt3.DES.read, form_decides=True),
        Scheme("MD5-CRYPT", crypt3.MD5.read, form_decides=True),
        Scheme("SHA256-CRYPT", crypt3.SHA256.read, form_decides=True),
        Scheme("SHA512-CRYPT", crypt3.SHA512.read, form_decides=True),
        Scheme("BLF-CRYPT", crypt3.BCRYPT.read, form_decides=True),
        Scheme("PBKDF2", key_derivation.read_pbkdf2_sha1),
        Scheme("PBKDF2-SHA256", key_derivation.read_pbkdf2_sha256),
        Scheme("PBKDF2-SHA512", key_derivation.read_pbkdf2_sha512),
        Scheme("ARGON2", key_derivation.read_argon2, form_decides=True),
        Scheme("ARGON2I", key_derivation.argon2_reader(b"i"), form_decides=True),
        Scheme("ARGON2D", key_derivation.argon2_reader(b"d"), form_decides=True),
        Scheme("ARGON2ID", key_derivation.argon2_reader(b"id"), form_decides=True),
    )
}
"""The names that can stand in braces."""

_BY_IDENT = {ident: Scheme(scheme.scheme, scheme.read) for ident, scheme in crypt3.SCHEMES.items()} | {
    b"argon2i": Scheme("ARGON2I", key_derivation.read_argon2),
    b"argon2d": Scheme("ARGON2D", key_derivation.read_argon2),
    b"argon2id": Scheme("ARGON2ID", key_derivation.read_argon2),
    b"bcrypt-sha256": Scheme("BCRYPT-SHA256", crypt3.read_bcrypt_sha256),
    b"pbkdf2": Scheme("PBKDF2-SHA1", key_derivation.read_modular_pbkdf2),
    b"pbkdf2-sha256": Scheme("PBKDF2-SHA256", key_derivation.read_modular_pbkdf2),
    b"pbkdf2-sha512": Scheme("PBKDF2-SHA512", key_derivation.read_modular_pbkdf2),
    b"scrypt": Scheme("SCRYPT", key_derivation.read_scrypt),
    b"P": Scheme("PHPASS", web_applications.read_phpass),
    b"H": Scheme("PHPASS", web_applications.read_phpass),
}
"""The names that can stand between the first two `$` of a bare value."""

_SUFFIXES = {b"HEX": hexadecimal, b"B64": base64, b"BASE64": base64}
"""The text encodings that can follow a name after a dot, as in `{SHA256.HEX}`."""

"""Find the scheme of a stored password from its prefix or form, and check passwords. No hash is computed to identify.

A `{PREFIX}` chooses the scheme, and the rest must fit it. If the rest is in the form `$name$...` of another scheme of
crypt(3) or Argon2, the form decides. Without a prefix only the form `$name$...` and those of Django are recognized.
Every other bare value belongs to the default scheme. Without a default scheme it is unusable, unless it can only be
the DES of crypt(3).

A bare value in the form `$name$...` is a hash under every default scheme, even PLAIN. If a hash counted as a clear-text
password, a stolen password file would be enough to log in. So an unknown `$name$` or {NAME} is never a password.
To store such a password, write it after {PLAIN}.

Blanks at the end are no part of a hash, as for Apache. They are a part of a clear-text password.
"""

from __future__ import annotations

import re

from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import crypt3
from extauth.passwords.schemes import Scheme, django_scheme, scheme_named, scheme_of_form
from extauth.passwords.stored import StoredHash, UnusableHash

_CHARACTERS = {
    " ": "a blank",
    "\t": "a TAB",
    "\r": "a CR",
    "\n": "an LF",
    "\0": "a NUL",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_INVISIBLE = {"Cc": "a control character", "Cf": "an invisible character", "Zs": "an invisible space"}
_LINE = ("Zl", "Zp")
_BLANKS = b" \t"
_LOCKED = re.compile(rb"(?:\*|x|!.*)?", re.DOTALL)
_UNSUPPORTED = (  # schemes of other programs; compiled when first needed, which is rare
    rb"\{(?:DIGEST-MD5|SCRAM-SHA-(?:1|256|512)|NT(?:LM)?|LANMAN|LM|PLAIN-MD4|PLAIN-TRUNC|OTP|RPA|SKEY"
    rb"|SASL|PKCS5S2|PBKDF2_SHA256|PBKDF2-HMAC-SHA(?:1|256|384|512)|KERBEROS|UNIX|NS-MTA-MD5)\}"
    rb"|\{x-isSHA(?:224|256|384|512)?(?:, ?[0-9]+)?\}|\$(?:2x|3|md5(?:,rounds=[0-9]+)?|sha1|S)\$"
)
_DISABLED = Verdict.USER_DISABLED.because("stored password: locked or empty")


def invisible_in(value: bytes) -> str:
    """Return the names of the invisible characters in `value`, in their order; an empty text if there are none."""
    return " and ".join(dict.fromkeys(filter(None, map(_name, value.decode(errors="replace")))))


def invisible_at_ends(text: str) -> str:
    """Return the names of the invisible characters at the ends of `text`; an empty text if there are none."""
    return " and ".join(dict.fromkeys(filter(None, (_name(text[:1]), _name(text[-1:])))))


def _name(char: str) -> str:
    if not char or (char.isprintable() and char != " "):
        return ""
    import unicodedata  # here: only error texts need it

    category = unicodedata.category(char)
    return _CHARACTERS.get(char) or _INVISIBLE.get(category) or ("a line separator" if category in _LINE else "")


def identify(stored: bytes, default_scheme: str = "") -> StoredHash | VerdictResult:
    """Return the stored password ready to be verified, or the reason why it is unusable.

    USER_DISABLED: it is empty, `*`, `x`, or begins with `!`. It may be bare or follow a prefix other than clear
    text. SCHEME_NOT_AVAILABLE: the scheme is unknown, or the value is malformed or over the cost limit. The reason
    shows no part of the value. `default_scheme` is the scheme of a bare value (Dovecot's term); see `is_scheme_name`.
    """
    if stored.startswith(b"{"):
        name, closed, value = stored.partition(b"}")
        if closed:
            return _read(stored, scheme_named(name[1:]), value)
    if _LOCKED.fullmatch(stored):
        return _DISABLED
    if stored.startswith(b"$") and stored.count(b"$") > 1:
        return _read(stored, scheme_of_form(stored), stored)
    if b"$" in stored and (scheme := django_scheme(stored)) is not None:
        return _read(stored, scheme, stored)
    if not default_scheme:
        stored = stored.rstrip(_BLANKS)
        default_scheme = "DES-CRYPT" if re.fullmatch(crypt3.DES.pattern, stored) else ""
    return _read(stored, scheme_named(default_scheme.encode()), stored)


def verify_hash(stored: bytes | str, password: Secret, default_scheme: str = "") -> Verdict | VerdictResult:
    """Check `password` against a stored one of any scheme. `default_scheme` is as in `identify`.

    Raises BackendUnavailable if the memory that the scheme needs cannot be allocated.
    """
    found = identify(stored.encode() if isinstance(stored, str) else stored, default_scheme)
    return found.verify(password) if isinstance(found, StoredHash) else found


async def verify_hash_async(stored: bytes | str, password: Secret, default_scheme: str = "") -> Verdict | VerdictResult:
    """Do the same as `verify_hash` from an event loop: costly hashes are computed in a thread."""
    found = identify(stored.encode() if isinstance(stored, str) else stored, default_scheme)
    if not isinstance(found, StoredHash):
        return found
    if found.quick:
        return found.verify(password)
    import asyncio  # here because only backends with an event loop need it

    return await asyncio.to_thread(found.verify, password)


def _read(stored: bytes, scheme: Scheme | None, value: bytes) -> StoredHash | VerdictResult:
    if scheme is None:
        return _DISABLED if _LOCKED.fullmatch(stored) else Verdict.SCHEME_NOT_AVAILABLE.because(_unknown(stored))
    if not scheme.keeps_blanks:
        value = value.rstrip(_BLANKS)
    if scheme.form_decides and value.startswith(b"$") and value.count(b"$") > 1:
        scheme = scheme_of_form(value) or scheme
    try:
        return scheme.read(scheme.decode(value))
    except UnusableHash as problem:
        if _LOCKED.fullmatch(value):
            return _DISABLED
        found = invisible_in(value)
        hint = f"; it contains {found}" if found else ""
        return Verdict.SCHEME_NOT_AVAILABLE.because(f"stored {scheme.name} password: {problem}{hint}")


def _unknown(stored: bytes) -> str:
    """Return the reason. It names only real schemes: any other name could be part of a password."""
    match = re.match(_UNSUPPORTED, stored, re.IGNORECASE)
    if match:
        return f"stored password: unsupported scheme {match[0].decode()}"
    if stored.startswith((b"{", b"$")):
        return "stored password: unknown scheme"
    begins = invisible_at_ends(stored.decode(errors="replace")[:1])
    hint = f"; it begins with {begins}" if begins else ""
    return f"stored password: unknown scheme: no {{SCHEME}} before it, and no default_scheme is set{hint}"

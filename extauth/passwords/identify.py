"""What a stored password is, told from its prefix or its form, without computing anything.

The prefix chooses the scheme, and what follows must fit it. Without a prefix only forms that nothing else can have
are known, `$name$...`; every other bare value is what the default scheme says, and unusable without one. A bare value
in a `$name$` form is a hash under every default scheme, PLAIN included: a hash that is taken for a password would
let in whoever has stolen the file. For that reason an unknown `$name$` or {NAME} is never a password, either. Who
wants such a password writes it behind {PLAIN}.
"""

from __future__ import annotations

import re

from extauth.model import Verdict, VerdictResult
from extauth.passwords.schemes import Scheme, scheme_named, scheme_of_form
from extauth.passwords.stored import StoredHash, UnusableHash

_LOCKED = re.compile(rb"(?:\*|x|!.*)?", re.DOTALL)
_ELSEWHERE = (  # compiled where it is needed, which is rarely
    rb"\{(?:DIGEST-MD5|SCRAM-SHA-(?:1|256|512)|NTLM?|LANMAN|LM|PLAIN-MD4|PLAIN-TRUNC|OTP|RPA|SKEY"
    rb"|SASL|PKCS5S2|PBKDF2_SHA256|KERBEROS|UNIX|NS-MTA-MD5|S?SHA(?:224|384))\}|\$(?:2x|3|md5(?:,rounds=[0-9]+)?|sha1|P|H|S)\$"
)


def identify(stored: bytes, default_scheme: str = "") -> StoredHash | VerdictResult:
    """The stored password ready to be verified, or why it can serve nobody.

    USER_DISABLED: it is empty, `*`, `x` or begins with `!`, be it bare or behind a prefix other than that of clear
    text. SCHEME_NOT_AVAILABLE: its scheme is unknown, or it is malformed or over the cost limit. The reason shows no
    part of it. `default_scheme` is what a bare value is (Dovecot's term); `known_scheme` tells which names it takes.
    """
    if stored.startswith(b"{"):
        name, closed, value = stored.partition(b"}")
        if closed:
            return _read(stored, scheme_named(name[1:]), value)
    if _LOCKED.fullmatch(stored):
        return _DISABLED
    if stored.startswith(b"$") and stored.count(b"$") > 1:
        return _read(stored, scheme_of_form(stored), stored)
    return _read(stored, scheme_named(default_scheme.encode()), stored)


def _read(stored: bytes, scheme: Scheme | None, value: bytes) -> StoredHash | VerdictResult:
    if scheme is None:
        return Verdict.SCHEME_NOT_AVAILABLE.because(_unknown(stored))
    try:
        return scheme.read(scheme.decode(value))
    except UnusableHash as problem:
        if _LOCKED.fullmatch(value):
            return _DISABLED
        return Verdict.SCHEME_NOT_AVAILABLE.because(f"stored {scheme.name} password: {problem}")


def _unknown(stored: bytes) -> str:
    """Names the scheme where it is one that exists: of anything else, a name could be part of a password."""
    match = re.match(_ELSEWHERE, stored, re.IGNORECASE)
    if match:
        return f"stored password: unsupported scheme {match[0].decode()}"
    if stored.startswith((b"{", b"$")):
        return "stored password: unknown scheme"
    return "stored password: unknown scheme: no {SCHEME} before it, and no default_scheme is set"


_DISABLED = Verdict.USER_DISABLED.because("stored password: locked or empty")

"""A password against a stored one, in one step."""

from __future__ import annotations

from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords.identify import identify
from extauth.passwords.stored import StoredHash


def verify_hash(stored: bytes | str, password: Secret, default_scheme: str = "") -> Verdict | VerdictResult:
    """Whether `password` is the one that is `stored`, under whatever scheme; `default_scheme` as for `identify`.

    Raises BackendUnavailable where the memory that the scheme asks for cannot be had.
    """
    found = identify(stored.encode() if isinstance(stored, str) else stored, default_scheme)
    return found.verify(password) if isinstance(found, StoredHash) else found

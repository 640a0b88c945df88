"""A password against a stored one, in one step."""

from __future__ import annotations

from extauth.hashing import digests
from extauth.hashing.hash import Hash
from extauth.hashing.identify import identify
from extauth.model import Decided, Secret, Verdict

_OK, _MISMATCH = Verdict.OK, Verdict.PASSWORD_MISMATCH
_DIGESTS = {
    b"{" + scheme.name.encode(): scheme
    for scheme in (
        digests.MD5,
        digests.SMD5,
        digests.SHA,
        digests.SSHA,
        digests.SHA256,
        digests.SSHA256,
        digests.SHA512,
        digests.SSHA512,
    )
}


def verify_hash(stored: bytes | str, password: Secret, default_scheme: str = "") -> Verdict | Decided:
    """Whether `password` is the one that is `stored`, under whatever scheme; `default_scheme` as for `identify`.

    Raises BackendUnavailable where the memory that the scheme asks for cannot be had.
    """
    found = identify(stored.encode() if isinstance(stored, str) else stored, default_scheme)
    return found.verify(password) if isinstance(found, Hash) else found


def verify_if_quick(stored: bytes, password: Secret, default_scheme: str = "") -> Verdict | Decided | None:
    """The same where that takes no more than about a third of a millisecond of CPU; None where it takes longer.

    Of a digest as it is usually written no Hash is made, which would take as long as the check.
    """
    beginning, _, text = stored.partition(b"}")
    scheme, given = _DIGESTS.get(beginning), password.reveal()
    if scheme is not None and 0 not in given:
        same = scheme.check(text, given)
        if same is not None:
            return _OK if same else _MISMATCH
    found = identify(stored, default_scheme)
    if isinstance(found, Hash):
        return found.verify(password) if found.quick else None
    return found

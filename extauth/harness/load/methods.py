"""How a client proves that it knows a password: in clear text, or by answering a challenge."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

Respond = Callable[[bytes, bytes], str]
"""Makes a response of a password and a challenge."""


def _cram_md5(password: bytes, challenge: bytes) -> str:
    """RFC 2195, section 2."""
    return hmac.digest(password, challenge, "md5").hex()


def _apop(password: bytes, challenge: bytes) -> str:
    """RFC 1939, section 7."""
    return hashlib.md5(challenge + password, usedforsecurity=False).hexdigest()


METHODS: dict[str, Respond | None] = {"VRFY": None, "CRAM-MD5": _cram_md5, "APOP": _apop}
"""The methods by the names that they have on the wire, and how a challenge is answered; None: with no challenge."""


def parse_methods(text: str) -> dict[str, float]:
    """Methods and their shares in `vrfy=80,cram-md5=20`, where a share that is not given is 1. Raises ValueError."""
    shares: dict[str, float] = {}
    for word in text.split(","):
        name, equals, share = word.strip().partition("=")
        if name.upper() not in METHODS or name.upper() in shares:
            raise ValueError(f"{name!r} is none of {', '.join(METHODS).lower()}, or is given twice")
        try:
            shares[name.upper()] = float(share) if equals else 1.0
        except ValueError:
            raise ValueError(f"{share!r} is no share: a number such as 80") from None
        if not 0 < shares[name.upper()] < float("inf"):
            raise ValueError(f"{share!r} is no share: a number above 0")
    return shares

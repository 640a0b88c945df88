"""APOP: RFC 1939, section 7."""

from __future__ import annotations

import hashlib
import hmac

from extauth.model import Secret


def verify(password: Secret, response: Secret, challenge: Secret) -> bool:
    """Whether `response` is the hex MD5 of `challenge` and the password, in either case of letters."""
    digest = hashlib.md5(challenge.reveal() + password.reveal(), usedforsecurity=False)
    return hmac.compare_digest(digest.hexdigest().encode(), response.reveal().lower())

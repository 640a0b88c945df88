"""APOP: RFC 1939, section 7."""

from __future__ import annotations

import hashlib
import hmac

from extauth.mechanisms.credentials import CramMd5Context, Credentials
from extauth.model import Secret, Verdict, VerdictResult


def verify(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict | VerdictResult:
    """Whether `response` is the hex MD5 of `challenge` and the password, in either case of letters."""
    if isinstance(credentials, CramMd5Context):
        return Verdict.SCHEME_NOT_AVAILABLE.because("a CRAM-MD5 context serves CRAM-MD5 alone")
    digest = hashlib.md5(challenge.reveal() + credentials.reveal(), usedforsecurity=False)
    matches = hmac.compare_digest(digest.hexdigest().encode(), response.reveal().lower())
    return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH

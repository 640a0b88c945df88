"""Check a response with CRAM-MD5 (RFC 2195, section 2) or APOP (RFC 1939, section 7)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from extauth.mechanisms.credentials import CramMd5Context, Credentials
from extauth.model import Secret, Verdict, VerdictResult


def verify_cram_md5(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict:
    """Check that `response` is the hex HMAC-MD5 of `challenge` with the password as key, in upper or lower case."""
    if isinstance(credentials, CramMd5Context):
        expected = credentials.hmac(challenge.reveal())
    else:
        expected = hmac.digest(credentials.reveal(), challenge.reveal(), "md5")
    matches = hmac.compare_digest(expected.hex().encode(), response.reveal().lower())
    return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH


def verify_apop(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict | VerdictResult:
    """Check that `response` is the hex MD5 of `challenge` and the password, in upper or lower case."""
    if isinstance(credentials, CramMd5Context):
        return Verdict.SCHEME_NOT_AVAILABLE.because("a CRAM-MD5 context serves only CRAM-MD5")
    digest = hashlib.md5(challenge.reveal() + credentials.reveal(), usedforsecurity=False)
    matches = hmac.compare_digest(digest.hexdigest().encode(), response.reveal().lower())
    return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH


MECHANISMS: dict[str, Callable[[Credentials, Secret, Secret], Verdict | VerdictResult]] = {
    "CRAM-MD5": verify_cram_md5,
    "APOP": verify_apop,
}
"""The name in `SASL(name)` to `verify(credentials, response, challenge)`."""

"""CRAM-MD5: RFC 2195, section 2."""

from __future__ import annotations

import hmac

from extauth.mechanisms.credentials import CramMd5Context, Credentials
from extauth.model import Secret, Verdict


def verify(credentials: Credentials, response: Secret, challenge: Secret) -> Verdict:
    """Whether `response` is the hex HMAC-MD5 of `challenge` keyed with the password, in either case of letters."""
    if isinstance(credentials, CramMd5Context):
        expected = credentials.hmac(challenge.reveal())
    else:
        expected = hmac.digest(credentials.reveal(), challenge.reveal(), "md5")
    matches = hmac.compare_digest(expected.hex().encode(), response.reveal().lower())
    return Verdict.OK if matches else Verdict.PASSWORD_MISMATCH

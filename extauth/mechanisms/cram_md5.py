"""CRAM-MD5: RFC 2195, section 2."""

from __future__ import annotations

import hmac

from extauth.model import Secret


def verify(password: Secret, response: Secret, challenge: Secret) -> bool:
    """Whether `response` is the hex HMAC-MD5 of `challenge` keyed with the password, in either case of letters."""
    expected = hmac.new(password.reveal(), challenge.reveal(), "md5").hexdigest().encode()
    return hmac.compare_digest(expected, response.reveal().lower())

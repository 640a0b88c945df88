"""The SASL mechanisms of POP, IMAP and SMTP, and the login claims that come from them.

A claim is a login name with a password, or with a response to a challenge. USER, PASS and APOP make claims too.
"""

from __future__ import annotations

import secrets

import msgspec

from extauth.model import Account, CheckRequest, PasswordRequest, ResponseRequest, Secret


class PasswordClaim(msgspec.Struct, frozen=True):
    """A name and a clear-text password."""

    mechanism: str
    name: bytes
    password: Secret

    def check_request(self, account: Account) -> CheckRequest:
        """Return the request that checks this claim for `account`."""
        return PasswordRequest(account, self.password)


class ResponseClaim(msgspec.Struct, frozen=True):
    """A name and a response to a challenge, by CRAM-MD5 or APOP."""

    mechanism: str
    name: bytes
    response: Secret
    challenge: Secret

    def check_request(self, account: Account) -> CheckRequest:
        """Return the request that checks this claim for `account`."""
        return ResponseRequest(account, self.mechanism, self.response, self.challenge)


class MalformedClaim(msgspec.Struct, frozen=True):
    """Data that is not valid in this mechanism."""

    mechanism: str


Claim = PasswordClaim | ResponseClaim | MalformedClaim


MECHANISMS = (b"CRAM-MD5", b"LOGIN", b"PLAIN")
"""The SASL mechanisms, in the order in which they are offered."""

CHALLENGE_RESPONSE = frozenset({b"CRAM-MD5"})
"""The SASL mechanisms that do not send the password."""


def new_challenge(protocol: str) -> bytes:
    """Return a new challenge for one login: an RFC 822 message ID, as the mail server sends."""
    return f"<{protocol.lower()}-{secrets.token_hex(8)}@localhost>".encode()

"""What a client claims when it logs in: a name, and what shall prove it."""

from __future__ import annotations

import msgspec

from extauth.model import Account, CheckRequest, PasswordRequest, ResponseRequest, Secret


class ClearText(msgspec.Struct, frozen=True):
    """A name and its password, by the method that the client chose."""

    method: str
    name: bytes
    password: Secret

    def about(self, account: Account) -> CheckRequest:
        """The question that this is, now that it is known whom the name means."""
        return PasswordRequest(account, self.password)


class Response(msgspec.Struct, frozen=True):
    """A name and the response to a challenge, by a secure method."""

    method: str
    name: bytes
    response: Secret
    challenge: Secret

    def about(self, account: Account) -> CheckRequest:
        """The question that this is, now that it is known whom the name means."""
        return ResponseRequest(account, self.method, self.response, self.challenge)


class Malformed(msgspec.Struct, frozen=True):
    """Something that the method does not provide for."""

    method: str


Claim = ClearText | Response | Malformed

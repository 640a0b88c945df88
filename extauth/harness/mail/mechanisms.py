"""The SASL mechanisms, each as an exchange that POP, IMAP and SMTP lead (twisted's IChallengeResponse)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from extauth.harness.mail.claims import Claim, ClearText, Malformed, Response
from extauth.model import Secret


class Exchange(Protocol):
    """Challenges and responses, up to the claim that they make. The names are twisted's."""

    claim: Claim

    def getChallenge(self) -> bytes:
        """What the client is asked next."""

    def setResponse(self, response: bytes) -> None:
        """What it answers."""

    def moreChallenges(self) -> bool:
        """Whether it has to be asked again."""


class Plain:
    """PLAIN (RFC 4616): all in one response. Who logs in for somebody else is refused."""

    def __init__(self) -> None:
        self.claim: Claim = Malformed("PLAIN")

    def getChallenge(self) -> bytes:
        """Nothing: the client speaks first."""
        return b""

    def setResponse(self, response: bytes) -> None:
        """Take authorization identity, name and password."""
        fields = response.split(b"\0")
        if len(fields) == 3 and fields[0] in (b"", fields[1]):
            self.claim = ClearText("PLAIN", fields[1], Secret(fields[2]))

    def moreChallenges(self) -> bool:
        """Never."""
        return False


class Login:
    """LOGIN: asks for the name, then for the password. Nobody has standardized it."""

    def __init__(self) -> None:
        self.claim: Claim = Malformed("LOGIN")
        self._challenges = [b"Password:", b"Username:"]
        self._name = b""

    def getChallenge(self) -> bytes:
        """What is asked for."""
        return self._challenges.pop()

    def setResponse(self, response: bytes) -> None:
        """Take the name, or the password behind it."""
        if self._challenges:
            self._name = response
        else:
            self.claim = ClearText("LOGIN", self._name, Secret(response))

    def moreChallenges(self) -> bool:
        """Whether the password is still to be asked for."""
        return bool(self._challenges)


class CramMd5:
    """CRAM-MD5 (RFC 2195): name and digest in answer to a challenge."""

    def __init__(self, challenge: bytes) -> None:
        self.claim: Claim = Malformed("CRAM-MD5")
        self._challenge = challenge

    def getChallenge(self) -> bytes:
        """The challenge."""
        return self._challenge

    def setResponse(self, response: bytes) -> None:
        """Take the name, which may hold spaces, and the digest."""
        name, _, digest = response.rpartition(b" ")
        if name and digest:
            self.claim = Response("CRAM-MD5", name, Secret(digest), Secret(self._challenge))

    def moreChallenges(self) -> bool:
        """Never."""
        return False


SECURE = frozenset({b"CRAM-MD5"})
"""The mechanisms that do not send the password."""


def exchanges(protocol: str) -> dict[bytes, Callable[[], Exchange]]:
    """How each mechanism is begun, by its name; the order is that in which they are offered."""
    return {b"CRAM-MD5": lambda: CramMd5(new_challenge(protocol)), b"LOGIN": Login, b"PLAIN": Plain}


def new_challenge(protocol: str) -> bytes:
    """A challenge like the server's, new for each login: an RFC 822 message id."""
    return f"<{protocol.lower()}-{secrets.token_hex(8)}@localhost>".encode()

"""The values that travel: from a request down to a backend, and from a verdict up to a reply."""

from __future__ import annotations

import enum
import hmac
from typing import Any, NoReturn

import msgspec


class Redacted(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Bytes that show themselves only when asked: no representation, traceback or log shows them."""

    _bytes: bytes

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", "***")]

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not pickled")


class Secret(Redacted, frozen=True, array_like=True, eq=False, gc=False):
    """A password, or what stands for one. Compare with `matches`."""

    def matches(self, other: bytes | str) -> bool:
        """Whether `other` is the same secret, in a time that does not depend on where they differ."""
        return hmac.compare_digest(self._bytes, other.encode() if isinstance(other, str) else other)


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who logs in, in canonical form (docs/protocol.md, section 3, "The account")."""

    name: str
    domain: str

    @property
    def address(self) -> str:
        """The account as `name@domain`."""
        return f"{self.name}@{self.domain}"

    def __str__(self) -> str:
        return self.address


class Verdict(enum.Enum):
    """What a backend says of a password or an account: a closed list. "Cannot tell" is an exception.

    A verdict is neither true nor false, so that no `if verdict:` lets somebody in: compare with `is`.
    """

    OK = 0
    PASSWORD_MISMATCH = 1
    USER_UNKNOWN = 2
    USER_DISABLED = 3
    PASSWORD_EXPIRED = 4
    SCHEME_NOT_AVAILABLE = 5

    __hash__ = object.__hash__  # one of each: an enum's own hash is that of its name, and is computed in Python

    def because(self, reason: str) -> VerdictResult:
        """This verdict together with the reason that the log shall give; the mail server never hears it."""
        return VerdictResult(self, reason=reason)

    def __bool__(self) -> bool:
        raise TypeError("a Verdict is neither true nor false: compare it, as in `verdict is Verdict.OK`")


for _verdict in Verdict:  # as Python 3.12 has it; 3.11 reaches them by a property, which takes ten times as long
    type.__setattr__(Verdict, _verdict.name, _verdict)


# --- what is asked of the backends --------------------------------------------------------------------


class PasswordRequest(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """Is this the account's password?"""

    account: Account
    password: Secret


class ResponseRequest(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """Did somebody who knows the account's password answer this challenge?"""

    account: Account
    mechanism: str
    response: Secret
    challenge: Secret


class AccountRequest(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """Is there such an account? OK: there is, whether or not it may log in."""

    account: Account


class SecretRequest(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """What is the account's clear-text password? The one question that is answered by `SecretResult`."""

    account: Account


CheckRequest = PasswordRequest | ResponseRequest
"""What somebody who logs in is checked by."""

Request = CheckRequest | AccountRequest | SecretRequest


# --- what is answered ---------------------------------------------------------------------------------


class VerdictResult(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """A verdict, which backend gave it, and the reason for the log (not for the server).

    `provisional`: somebody who is asked before that backend could not be, and might have said something else.
    """

    verdict: Verdict
    backend: str = ""
    reason: str = ""
    provisional: bool = False


class SecretResult(VerdictResult, frozen=True, array_like=True, tag=2, kw_only=True, gc=False):
    """A verdict of OK, and the account's clear-text password along with it."""

    secret: Secret


class FailureResult(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """Nobody could tell: who was asked, and why not. The server hears "temporary".

    `outage`: the backend is out of reach for the time being, and nobody has made a mistake.
    """

    backend: str = ""
    reason: str = ""
    outage: bool = False


Result = VerdictResult | SecretResult | FailureResult

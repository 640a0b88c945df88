"""The values that travel: requests down to the backends, results up to the reply."""

from __future__ import annotations

import enum
import hmac
from typing import Any, NoReturn

import msgspec


class Redacted(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Bytes that are shown only on request. No representation, traceback or log shows them."""

    _bytes: bytes

    def reveal(self) -> bytes:
        """Return the bytes themselves."""
        return self._bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", "***")]

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled")


class Secret(Redacted, frozen=True, array_like=True, eq=False, gc=False):
    """A password, or a value that is as good as one. Compare it with `matches`."""

    def matches(self, other: bytes | str) -> bool:
        """Return whether `other` is the same secret. The time does not depend on where they differ."""
        return hmac.compare_digest(self._bytes, other.encode() if isinstance(other, str) else other)

    def __eq__(self, other: object) -> bool:
        """Raise TypeError for a text or bytes, which would never be equal."""
        if isinstance(other, bytes | str):
            raise TypeError("compare a Secret with its method matches()")
        return self is other

    __hash__ = object.__hash__


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An account in canonical form (docs/protocol.md, section 3, "The account")."""

    name: str
    domain: str

    @property
    def address(self) -> str:
        """The account as `name@domain`."""
        return f"{self.name}@{self.domain}"

    def __str__(self) -> str:
        return self.address


class Verdict(enum.Enum):
    """What a backend says about a password or an account: a closed list. A temporary failure is an exception instead.

    A verdict is neither true nor false, so that `if verdict:` never lets a user in. Compare it with `is`.
    """

    OK = 0
    PASSWORD_MISMATCH = 1
    USER_UNKNOWN = 2
    USER_DISABLED = 3
    PASSWORD_EXPIRED = 4
    SCHEME_NOT_AVAILABLE = 5

    __hash__ = object.__hash__  # an enum hashes its name, in Python code; each verdict exists once, so this is enough

    def because(self, reason: str) -> VerdictResult:
        """Return this verdict with a reason for the log. The mail server never gets the reason."""
        return VerdictResult(self, reason=reason)

    def __bool__(self) -> bool:
        raise TypeError("a Verdict is neither true nor false: compare it, as in `verdict is Verdict.OK`")


for _verdict in Verdict:  # as in Python 3.12; in 3.11 each access goes through a property and takes ten times as long
    type.__setattr__(Verdict, _verdict.name, _verdict)


# --- requests, as backends get them -------------------------------------------------------------------
#
# `is_newcomer`: the account has not logged in since the helper started.


class PasswordRequest(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """`VRFY`: is this the account's password?"""

    account: Account
    password: Secret
    is_newcomer: bool = False


class ResponseRequest(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """`SASL(mechanism)`: is this the response of a client that knows the account's password?"""

    account: Account
    mechanism: str
    response: Secret
    challenge: Secret
    is_newcomer: bool = False


class AccountRequest(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """`NEW`: does this account exist? The verdict is OK for a locked account too."""

    account: Account
    is_newcomer: bool = False


class SecretRequest(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """`READPLAIN`: what is the account's clear-text password? The only request whose result is a `SecretResult`."""

    account: Account
    is_newcomer: bool = False


class ProvisionRequest(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """Create this account in the mail server. A worker makes it of an AccountRequest that a backend has answered."""

    account: Account
    attributes: dict[str, tuple[str, ...]]
    is_newcomer: bool = False


CheckRequest = PasswordRequest | ResponseRequest
"""The requests that check a login."""

Request = CheckRequest | AccountRequest | SecretRequest | ProvisionRequest


# --- results ------------------------------------------------------------------------------------------


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one backend of several said about a request. `verdict`: None for a temporary failure."""

    backend: str
    verdict: Verdict | None
    reason: str
    seconds: float


class VerdictResult(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """A verdict, the name of the backend that gave it, and the reason for the log.

    `provisional`: an earlier backend was unavailable and might have given another verdict.
    `steps`: every backend that was asked, in order; none if it was only one.
    """

    verdict: Verdict
    backend: str = ""
    reason: str = ""
    provisional: bool = False
    steps: tuple[Step, ...] = ()


class SecretResult(VerdictResult, frozen=True, array_like=True, tag=2, kw_only=True, gc=False):
    """The verdict OK together with the account's clear-text password."""

    secret: Secret


class KnownAccount(VerdictResult, frozen=True, array_like=True, tag=3, kw_only=True, gc=False):
    """What `knows_account` may return for an account that exists: `Verdict.OK`, and attributes of the account.

    `attributes`: lists of texts by name. `[provision]` makes account settings and aliases of them.
    """

    attributes: dict[str, tuple[str, ...]] = {}


class FailureResult(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A temporary failure: the backend that could not decide, and the reason for the log.

    `unavailable`: the backend cannot be reached at the moment; it is not a mistake of configuration or code.
    `steps`: as in a VerdictResult.
    """

    backend: str = ""
    reason: str = ""
    unavailable: bool = False
    steps: tuple[Step, ...] = ()


Result = VerdictResult | SecretResult | FailureResult

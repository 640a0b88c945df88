"""What stands in a password file for one account."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from extauth.model import Verdict, VerdictResult

_NEVER = -1

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What editors of another system put before the first line."""


class BadLine(Exception):
    """A line that cannot be read, though its account may be known: `address`. The reason repeats nothing secret."""

    def __init__(self, reason: str, address: str | None = None) -> None:
        super().__init__(reason)
        self.address = address


class AgingPassword(msgspec.Struct, frozen=True):
    """A stored password with the days, counted from 1970, that shadow(5) gives an account; -1: no such day."""

    stored: bytes
    last_day: int = _NEVER
    expires: int = _NEVER
    must_change: bool = False

    def refusal(self, today: int) -> VerdictResult | None:
        """Why this account may not log in today, if so."""
        if self.expires != _NEVER and today >= self.expires:
            return Verdict.USER_DISABLED.because("the account has expired")
        if self.must_change:
            return Verdict.PASSWORD_EXPIRED.because("the password must be changed")
        if self.last_day != _NEVER and today > self.last_day:
            return Verdict.PASSWORD_EXPIRED.because("the password has expired")
        return None


Column = Sequence[bytes]
"""One field of several lines."""

Entry = bytes | AgingPassword | VerdictResult
"""A stored password, one with an end, or why there is none."""


def text(name: bytes) -> str:
    """A name as text; raises BadLine where it is not UTF-8."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise BadLine("the name is not UTF-8") from None

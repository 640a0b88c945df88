"""The answers to a login as verdicts: response codes of RFC 5530 (IMAP), RFC 2449 and RFC 3206 (POP3).

docs/imap.md has the same tables. An answer that is in none of them is a temporary failure: what the server did not
clearly refuse was not refused. No text here repeats what the server said: it may repeat the password.
"""

from __future__ import annotations

import re

from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import Verdict, VerdictResult

REFUSALS = {
    "AUTHENTICATIONFAILED": Verdict.PASSWORD_MISMATCH.because("NO [AUTHENTICATIONFAILED]"),
    "AUTHORIZATIONFAILED": Verdict.USER_DISABLED.because("NO [AUTHORIZATIONFAILED]: the account may not log in"),
    "NOPERM": Verdict.USER_DISABLED.because("NO [NOPERM]: the account may not log in"),
    "EXPIRED": Verdict.PASSWORD_EXPIRED.because("NO [EXPIRED]"),
}
"""Codes of a tagged NO (RFC 5530) with which the server decides."""

POP3_REFUSALS = {"AUTH": Verdict.PASSWORD_MISMATCH.because("-ERR [AUTH]")}
"""Codes of -ERR (RFC 3206) with which the server decides."""

UNAVAILABLE = frozenset({"UNAVAILABLE", "SYS/TEMP"})
"""Codes with which a server says that a part of it cannot be reached."""

UNDECIDED = frozenset(
    {"ALERT", "CANNOT", "CLIENTBUG", "CONTACTADMIN", "CORRUPTION", "INUSE", "LIMIT", "OVERQUOTA", "PRIVACYREQUIRED"}
    | {"REFERRAL", "SERVERBUG", "IN-USE", "LOGIN-DELAY", "SYS/PERM"}
)
"""Codes that say nothing about the password. Any other code has the same effect; these are shown by name."""

OUTAGE = re.compile(r"(?i)temporar|unavailable|try again|later|internal|generic failure|(?:system|server) error")
"""Words of an outage. Cyrus answers `-ERR [AUTH] authenticating: generic failure` if it cannot reach saslauthd."""

NO_REFUSAL = re.compile(
    rf"{OUTAGE.pattern}|busy|overload|time(?:d|-)? ?out|too many|exceed|lock|in use"
    "|tls|ssl|secure|security|encrypt|plain ?text|clear ?text"
)
"""Words in an answer without a code that are not about the password. Old servers have no codes."""

_CODE = re.compile(rb"\[([A-Za-z0-9/.-]+)[^\]]*\]")


def imap_verdict(status: bytes, text: bytes) -> VerdictResult:
    """Return the verdict of the tagged answer that follows a password. Raises TemporaryFailure if there is none."""
    if status == b"OK":
        return Verdict.OK.because("")
    if status != b"NO":
        raise TemporaryFailure("the server rejected the command: BAD")
    code = _code(text)
    if code is None:
        return _without_code("NO", text)
    return _of_code("NO", code, text, REFUSALS)


def pop3_refusal(text: bytes, *, has_codes: bool) -> VerdictResult:
    """Return the verdict of -ERR after a password. Raises TemporaryFailure if there is none.

    `has_codes`: the server has promised (AUTH-RESP-CODE, RFC 3206, section 5) that it refuses with a code.
    """
    code = _code(text)
    if code is not None:
        return _of_code("-ERR", code, text, POP3_REFUSALS)
    if has_codes:
        raise TemporaryFailure("-ERR without a code, from a server that refuses with [AUTH]")
    return _without_code("-ERR", text)


def is_outage(text: bytes) -> bool:
    """Return whether an answer without a code speaks of something else than the password."""
    return NO_REFUSAL.search(text.decode(errors="replace")) is not None


def _without_code(status: str, text: bytes) -> VerdictResult:
    if is_outage(text):
        raise TemporaryFailure(f"{status} without a code, and its text is not about the password")
    return Verdict.PASSWORD_MISMATCH.because(f"{status} without a code")


def _code(text: bytes) -> str | None:
    """Return the code at the start of a text in upper case."""
    match = _CODE.match(text.lstrip())
    if match is None:
        return "" if text.lstrip().startswith(b"[") else None
    return match[1].decode().upper()


def _of_code(status: str, code: str, text: bytes, refusals: dict[str, VerdictResult]) -> VerdictResult:
    """Return the verdict of a code. Codes of POP3 have levels: SYS/TEMP/X is a SYS/TEMP (RFC 2449, section 8)."""
    while code not in refusals and code not in UNAVAILABLE and code not in UNDECIDED and "/" in code:
        code = code.rpartition("/")[0]
    if code in refusals:
        if refusals[code].verdict is Verdict.PASSWORD_MISMATCH and OUTAGE.search(text.decode(errors="replace")):
            raise TemporaryFailure(f"{status} [{code}], but its text speaks of an outage")
        return refusals[code]
    if code in UNAVAILABLE:
        raise BackendUnavailable(f"{status} [{code}]")
    if code in UNDECIDED:
        raise TemporaryFailure(f"{status} [{code}]")
    raise TemporaryFailure(f"{status} with an unknown code")  # the server's own words are not repeated

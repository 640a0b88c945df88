"""Result codes (RFC 4511, appendix A), Active Directory sub-codes and password policy errors as verdicts.

A code that is in none of these tables is a temporary failure.
"""

from __future__ import annotations

import re

from extauth.backends.ldap.ber import InvalidResponse, read_elements, read_number, read_sequence
from extauth.backends.ldap.messages import LdapEntry, LdapResult
from extauth.errors import TemporaryFailure
from extauth.model import Verdict, VerdictResult

SUCCESS = 0
SIZE_LIMIT_EXCEEDED = 4
REFERRAL = 10
NO_SUCH_OBJECT = 32
INVALID_CREDENTIALS = 49
BUSY = 51
UNAVAILABLE = 52

RESULT_VERDICTS = {
    19: Verdict.USER_DISABLED.because("19 constraintViolation: too many failures (389 Directory Server, OpenDJ)"),
    NO_SUCH_OBJECT: Verdict.USER_UNKNOWN.because("32 noSuchObject"),
    48: Verdict.SCHEME_NOT_AVAILABLE.because("48 inappropriateAuthentication: the entry has no password"),
    INVALID_CREDENTIALS: Verdict.PASSWORD_MISMATCH.because("49 invalidCredentials"),
    53: Verdict.USER_DISABLED.because("53 unwillingToPerform: locked or disabled"),
}

_DESCRIPTIONS = {
    8: "strongerAuthRequired: the directory requires TLS",
    REFERRAL: "referral: extauth does not follow it",
    NO_SUCH_OBJECT: "noSuchObject",
    13: "confidentialityRequired: the directory requires TLS",
    50: "insufficientAccessRights: the access rules of the directory forbid it",
    BUSY: "busy",
    UNAVAILABLE: "unavailable",
}

ACTIVE_DIRECTORY_VERDICTS = {
    "525": Verdict.USER_UNKNOWN.because("Active Directory 525: no such user"),
    "52e": Verdict.PASSWORD_MISMATCH.because("Active Directory 52e: invalid credentials"),
    "530": Verdict.USER_DISABLED.because("Active Directory 530: outside logon hours"),
    "531": Verdict.USER_DISABLED.because("Active Directory 531: may not log on from here"),
    "532": Verdict.PASSWORD_EXPIRED.because("Active Directory 532: password expired"),
    "533": Verdict.USER_DISABLED.because("Active Directory 533: account disabled"),
    "701": Verdict.USER_DISABLED.because("Active Directory 701: account expired"),
    "773": Verdict.PASSWORD_EXPIRED.because("Active Directory 773: password must be changed"),
    "775": Verdict.USER_DISABLED.because("Active Directory 775: account locked"),
}
_SUB_CODE = re.compile(r"AcceptSecurityContext error, data ([0-9a-fA-F]+)\b")

_WARNING, _ERROR, _GRACE_LOGINS = 0xA0, 0x81, 0x81  # tags in a password policy response

_NOT_FOR_ANONYMOUS = frozenset({1, 8, NO_SUCH_OBJECT, 48, 50, 53})
"""Results with which directories refuse an anonymous search. Active Directory returns 1."""

PASSWORD_EXPIRED, ACCOUNT_LOCKED, CHANGE_AFTER_RESET = 0, 1, 2
POLICY_VERDICTS = {
    PASSWORD_EXPIRED: Verdict.PASSWORD_EXPIRED.because("password policy: expired"),
    ACCOUNT_LOCKED: Verdict.USER_DISABLED.because("password policy: locked"),
    CHANGE_AFTER_RESET: Verdict.PASSWORD_EXPIRED.because("password policy: must be changed"),
}


def verdict_of_bind(result: LdapResult) -> VerdictResult:
    """Return the verdict that a user's bind means. Raises TemporaryFailure if the code is not in the tables."""
    error, warning = (None, "") if result.policy is None else parse_policy(result.policy)
    if error is not None and result.code in (SUCCESS, INVALID_CREDENTIALS):
        if error not in POLICY_VERDICTS:
            raise TemporaryFailure(f"password policy: error {error}")
        return POLICY_VERDICTS[error]
    if result.code == SUCCESS:
        return VerdictResult(Verdict.OK, reason=warning)
    if result.code == INVALID_CREDENTIALS and (match := _SUB_CODE.search(result.message)):
        sub_code = match[1].lower()
        if sub_code not in ACTIVE_DIRECTORY_VERDICTS:
            raise TemporaryFailure(f"Active Directory: error 49 with the unknown sub-code {sub_code}")
        return ACTIVE_DIRECTORY_VERDICTS[sub_code]
    if result.code not in RESULT_VERDICTS:
        raise TemporaryFailure(f"the bind returned {describe_result(result)}")
    return RESULT_VERDICTS[result.code]


def only_entry(result: LdapResult, base: str, *, anonymous: bool) -> LdapEntry | VerdictResult:
    """Return the only entry that a search found, or why there is none. Raises TemporaryFailure if the search failed."""
    if len(result.entries) > 1 or (result.code == SIZE_LIMIT_EXCEEDED and result.entries):
        return Verdict.USER_UNKNOWN.because("more than one entry was found")
    if result.code != SUCCESS:
        raise TemporaryFailure(search_problem(result, base, anonymous=anonymous))
    if not result.entries:
        return Verdict.USER_UNKNOWN.because("no entry was found")
    if not result.entries[0].dn:
        return Verdict.USER_UNKNOWN.because("the entry has no name")
    return result.entries[0]


def describe_result(result: LdapResult) -> str:
    """Return the result code and its meaning or the server's text, for the log."""
    description = _DESCRIPTIONS.get(result.code) or result.message[:200]
    return f"{result.code} {description}" if description else str(result.code)


def search_problem(result: LdapResult, place: str, *, anonymous: bool) -> str:
    """Return why a search failed, for the log. `anonymous`: without a service account."""
    if anonymous and result.code in _NOT_FOR_ANONYMOUS:
        hint = "perhaps the directory requires bind_dn"
        return f"the anonymous search in {place} returned {describe_result(result)}; {hint}"
    return f"the search in {place} returned {describe_result(result)}"


def parse_policy(value: bytes) -> tuple[int | None, str]:
    """Return the error in a password policy response, if any, and its warning as text, else an empty one.

    The value (draft-behera-ldap-password-policy, section 6.2) is SEQUENCE { warning [0] CHOICE { timeBeforeExpiration
    [0] INTEGER, graceAuthNsRemaining [1] INTEGER }, error [1] ENUMERATED }, all optional. Raises TemporaryFailure if it
    is anything else.
    """
    error, warning = None, ""
    try:
        (response,) = read_elements(value, 0, len(value))
        for each in read_sequence(value, response, 0):
            if each[0] == _ERROR:
                error = read_number(value, each, _ERROR)
            elif each[0] == _WARNING:
                (choice,) = read_sequence(value, each, 1, _WARNING)
                warning = _warning(choice[0], read_number(value, choice, choice[0]))
    except (InvalidResponse, ValueError):
        raise TemporaryFailure("password policy: invalid control") from None
    return error, warning


def _warning(kind: int, number: int) -> str:
    if kind == _GRACE_LOGINS:
        return f"grace login, {number} left"
    days = number / 86400
    return (
        f"the password expires in {days:.0f} days" if days >= 2 else f"the password expires in {number // 3600} hours"
    )

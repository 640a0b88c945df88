"""What the answer to a user's bind means: result codes (RFC 4511, appendix A), Active Directory's sub-codes, policy.

What is in none of these tables is "cannot tell".
"""

from __future__ import annotations

import re

from extauth.backends.ldap.engine import Answer
from extauth.errors import TemporaryFailure
from extauth.model import Verdict, VerdictResult

SUCCESS = 0
SIZE_LIMIT_EXCEEDED = 4
REFERRAL = 10
NO_SUCH_OBJECT = 32
INVALID_CREDENTIALS = 49
BUSY = 51
UNAVAILABLE = 52

OF_THE_RESULT = {
    19: Verdict.USER_DISABLED.because("19 constraintViolation: too many failures (389 Directory Server, OpenDJ)"),
    NO_SUCH_OBJECT: Verdict.USER_UNKNOWN.because("32 noSuchObject"),
    48: Verdict.SCHEME_NOT_AVAILABLE.because("48 inappropriateAuthentication: the entry has no password"),
    INVALID_CREDENTIALS: Verdict.PASSWORD_MISMATCH.because("49 invalidCredentials"),
    53: Verdict.USER_DISABLED.because("53 unwillingToPerform: locked or disabled"),
}

_HINTS = {
    8: "strongerAuthRequired: the directory wants TLS",
    REFERRAL: "referral, which is not followed",
    NO_SUCH_OBJECT: "noSuchObject",
    13: "confidentialityRequired: the directory wants TLS",
    50: "insufficientAccessRights: the directory's own rules keep this entry from being bound as",
    BUSY: "busy",
    UNAVAILABLE: "unavailable",
}

OF_ACTIVE_DIRECTORY = {
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

PASSWORD_EXPIRED, ACCOUNT_LOCKED, CHANGE_AFTER_RESET = 0, 1, 2
OF_THE_POLICY = {
    PASSWORD_EXPIRED: Verdict.PASSWORD_EXPIRED.because("password policy: expired"),
    ACCOUNT_LOCKED: Verdict.USER_DISABLED.because("password policy: locked"),
    CHANGE_AFTER_RESET: Verdict.PASSWORD_EXPIRED.because("password policy: must be changed"),
}


def outcome_of_bind(answer: Answer) -> VerdictResult:
    """What a directory says of a user's password. Raises TemporaryFailure for what is not in the tables."""
    error = None if answer.policy is None else policy_error(answer.policy)
    if error is not None and answer.code in (SUCCESS, INVALID_CREDENTIALS):
        if error not in OF_THE_POLICY:
            raise TemporaryFailure(f"password policy: error {error}")
        return OF_THE_POLICY[error]
    if answer.code == SUCCESS:
        return VerdictResult(Verdict.OK)
    if answer.code == INVALID_CREDENTIALS and (match := _SUB_CODE.search(answer.message)):
        sub_code = match[1].lower()
        if sub_code not in OF_ACTIVE_DIRECTORY:
            raise TemporaryFailure(f"Active Directory: error 49 with the unknown sub-code {sub_code}")
        return OF_ACTIVE_DIRECTORY[sub_code]
    if answer.code not in OF_THE_RESULT:
        raise TemporaryFailure(f"the bind was answered {explained(answer)}")
    return OF_THE_RESULT[answer.code]


def explained(answer: Answer) -> str:
    """A result code and what the server says of it, for the log."""
    hint = _HINTS.get(answer.code) or answer.message[:200]
    return f"{answer.code} {hint}" if hint else str(answer.code)


def policy_error(value: bytes) -> int | None:
    """The error in a password policy response (draft-behera-ldap-password-policy, section 6.2), if it has one.

    Its value is SEQUENCE { warning [0] ..., error [1] ENUMERATED }, both optional. Raises TemporaryFailure where it
    is no such thing.
    """
    content = dict(_elements(value))
    if set(content) != {0x30}:
        raise TemporaryFailure("password policy: a control that cannot be read")
    error = dict(_elements(content[0x30])).get(0x81)
    return None if error is None else int.from_bytes(error, "big")


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of BER elements, none of which has 128 bytes or more."""
    found = []
    while data:
        if len(data) < 2 or data[1] > 127 or len(data) < 2 + data[1]:
            raise TemporaryFailure("password policy: a control that cannot be read")
        found.append((data[0], data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    return found

"""What PAM's codes mean (Linux-PAM, security/_pam_types.h). One that is not listed is "cannot tell"."""

from __future__ import annotations

import msgspec

from extauth.errors import BackendUnavailable
from extauth.model import Verdict, VerdictResult

SUCCESS = 0
AUTH_ERR = 7

_EITHER_STAGE = {
    6: Verdict.USER_DISABLED.because("access is denied, or no module decides"),  # PAM_PERM_DENIED
    10: Verdict.USER_UNKNOWN.because(""),  # PAM_USER_UNKNOWN
    11: Verdict.USER_DISABLED.because("too many wrong passwords"),  # PAM_MAXTRIES
    12: Verdict.PASSWORD_EXPIRED.because("the password must be changed"),  # PAM_NEW_AUTHTOK_REQD
    13: Verdict.USER_DISABLED.because("the account has expired"),  # PAM_ACCT_EXPIRED
    19: Verdict.SCHEME_NOT_AVAILABLE.because("the service asks for more than one password"),  # PAM_CONV_ERR
    27: Verdict.PASSWORD_EXPIRED.because("the password has expired"),  # PAM_AUTHTOK_EXPIRED
}
_AUTHENTICATION = _EITHER_STAGE | {AUTH_ERR: Verdict.PASSWORD_MISMATCH.because("")}
_ACCOUNT = _EITHER_STAGE | {
    SUCCESS: Verdict.OK.because(""),
    AUTH_ERR: Verdict.USER_DISABLED.because("the account stage refuses"),  # the password was right
    10: Verdict.USER_UNKNOWN.because("the account stage does not know the user"),
}


class Outcome(msgspec.Struct, frozen=True):
    """What libpam answered: its code and its name for it, and whether the account stage was reached."""

    code: int
    text: str
    account_stage: bool

    def verdict(self) -> VerdictResult:
        """The verdict. Raises BackendUnavailable where the code is none: a system error, or one that nobody knows."""
        found = (_ACCOUNT if self.account_stage else _AUTHENTICATION).get(self.code)
        if found is None:
            stage = "account" if self.account_stage else "authentication"
            raise BackendUnavailable(f"PAM, {stage} stage: {self.text} (code {self.code})")
        return found

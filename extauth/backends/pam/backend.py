"""The backend for PAM: settings, the OS user of an account, and the verdict for each return code of libpam."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.pam.service_files import ServiceFiles
from extauth.errors import BackendUnavailable, ConfigError, TemporaryFailure
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.settings import Settings
from extauth.trust import check_trusted
from extauth.version import pip_install

if TYPE_CHECKING:
    from extauth.libpam import PamResult, PamService, PamTransaction

_SHADOW = Path("/etc/shadow")
_MAX_PASSWORD = 511  # bytes: PAM_MAX_RESP_SIZE without the NUL; modules cut longer passwords
_NO_CLEAR_TEXT = Verdict.SCHEME_NOT_AVAILABLE.because("PAM has no clear-text passwords")
_PLACEHOLDER = re.compile(r"(\*|\{[^{}]*\}|[{}])")

# Return codes of Linux-PAM (security/_pam_types.h). Every other code is a temporary failure.
_SUCCESS = 0
_PERM_DENIED = 6
_AUTH_ERR = 7
_USER_UNKNOWN = 10
_BOTH_STAGES = {
    _PERM_DENIED: Verdict.USER_DISABLED.because("access is denied, or no module decides"),
    _USER_UNKNOWN: Verdict.USER_UNKNOWN.because(""),
    11: Verdict.USER_DISABLED.because("too many wrong passwords"),  # PAM_MAXTRIES
    12: Verdict.PASSWORD_EXPIRED.because("the password must be changed"),  # PAM_NEW_AUTHTOK_REQD
    13: Verdict.USER_DISABLED.because("the account has expired"),  # PAM_ACCT_EXPIRED
    19: Verdict.SCHEME_NOT_AVAILABLE.because("the service asks for more than one password"),  # PAM_CONV_ERR
    27: Verdict.PASSWORD_EXPIRED.because("the password has expired"),  # PAM_AUTHTOK_EXPIRED
}
# In this stage a service with pam_faillock also denies access for a wrong password: the chain must go on.
_AUTHENTICATION_STAGE = _BOTH_STAGES | {
    _PERM_DENIED: Verdict.PASSWORD_MISMATCH.because("access is denied, or no module decides"),
    _AUTH_ERR: Verdict.PASSWORD_MISMATCH.because(""),
}
_ACCOUNT_STAGE = _BOTH_STAGES | {
    _SUCCESS: Verdict.OK.because(""),
    _AUTH_ERR: Verdict.USER_DISABLED.because("the account stage refuses"),  # the password was right
    _USER_UNKNOWN: Verdict.USER_UNKNOWN.because("the account stage does not know the user"),
}


class PamSettings(Settings, frozen=True):
    """The keys of a `pam` backend.

    `username` is a template, see UserNameTemplate. `min_uid` applies to users in the system's user database.
    `concurrency` is the number of threads in each worker.
    """

    service: str
    service_folder: Path | None = None
    username: str = "*"
    min_uid: Annotated[int, msgspec.Meta(ge=0)] = 1000
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2


class UserNameTemplate:
    """Makes the OS user name of an account, as the mail server's *OS User Name* setting does.

    `*` or `{name}` is the account's name, `{domain}` is its domain. Everything else is literal.
    Raises ConfigError if the name is left out (all accounts would be one user) or a placeholder is unknown.
    """

    def __init__(self, template: str) -> None:
        self._pieces = _PLACEHOLDER.split(template)  # literal text at even positions
        placeholders = self._pieces[1::2]
        for found in placeholders:
            if found not in ("*", "{name}", "{domain}"):
                raise ConfigError(f"username = {template!r}: {found} is unknown; use *, {{name}} or {{domain}}")
        if not {"*", "{name}"}.intersection(placeholders):
            raise ConfigError(
                f"username = {template!r}: must contain * or {{name}}; without it all accounts are one user"
            )
        if not template.isprintable():
            raise ConfigError(f"username = {template!r}: must contain printable characters only")
        self.uses_domain = "{domain}" in placeholders

    def user_name(self, account: Account) -> str:
        """Return the OS user name of the account."""
        values = {"*": account.name, "{name}": account.name, "{domain}": account.domain}
        pieces = list(self._pieces)
        pieces[1::2] = [values[placeholder] for placeholder in pieces[1::2]]
        return "".join(pieces)


class Pam(Backend[PamSettings]):
    """Asks one PAM service."""

    Settings = PamSettings

    def __init__(self, settings: PamSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        self._files = ServiceFiles(settings.service, settings.service_folder)
        self._template = UserNameTemplate(settings.username)
        self._service: PamService
        self._modules: PamTransaction
        self.concurrency = settings.concurrency

    def load(self) -> None:
        """Load libpam, read the service file, and log whether this process can read /etc/shadow."""
        try:
            from extauth.libpam import PamService
        except ImportError:
            raise ConfigError(f"python-pam is missing; install it with: {pip_install('python-pam')}") from None
        name, folder = self.settings.service, self.settings.service_folder
        try:
            self._service = PamService(name, folder)
        except (OSError, AttributeError):
            raise ConfigError("libpam is missing, or older than 1.4; on Debian: apt-get install libpam0g") from None
        if not self._template.uses_domain and (self.context.domains is None or len(self.context.domains) > 1):
            self.log.warning(
                "username = %r: the same name is the same OS user in every domain of this backend; "
                "set domains to one domain, or put {domain} into username",
                self.settings.username,
            )
        for place in self._files.places:
            self.watch(place)
        self._log_privilege()
        stack = self._files.stack()
        for path in stack.seen:
            self.watch(path)
        for file in stack.files:
            check_trusted(file, allow_unsafe=self.context.allow_unsafe_files)
        self.log.info("service %s: %s", name, ", ".join(map(str, stack.files)))
        if stack.unreadable:
            self.log.error("%s: cannot read the included files: %s", stack.files[0], ", ".join(stack.unreadable))
        self._files.check()

    def open(self) -> None:
        """Load the modules of the service. They stay loaded between logins."""
        self._modules = self._service.load_modules()

    def close(self) -> None:
        """Unload the modules."""
        self._modules.end()

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Ask PAM about the password and the account, for the account's OS user."""
        if len(password.reveal()) > _MAX_PASSWORD:
            return Verdict.PASSWORD_MISMATCH.because(f"the password has more than {_MAX_PASSWORD} bytes")
        user = self._user(account)
        if isinstance(user, VerdictResult):
            return user
        return self._verdict(self._service.authenticate(user, password.reveal()))

    def lookup_secret(self, account: Account) -> VerdictResult:
        """Return why there is no secret: the account may not be used, or PAM has no clear-text passwords."""
        user = self._user(account)
        if isinstance(user, VerdictResult):
            return user
        result = self._verdict(self._service.check_account(user))
        return _NO_CLEAR_TEXT if result.verdict is Verdict.OK else result

    def usable_mechanisms(self) -> frozenset[str]:
        """Return none: PAM has no clear-text passwords."""
        return frozenset()

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Look the OS user up in the system's user database. PAM itself cannot be asked without a password."""
        uid = _uid(self._template.user_name(account).encode())
        if uid is None:
            raise TemporaryFailure("the system's user database does not have this user, but PAM may have it")
        if uid < self.settings.min_uid:
            return Verdict.USER_UNKNOWN.because(f"uid {uid} is below min_uid = {self.settings.min_uid}")
        return Verdict.OK

    def _user(self, account: Account) -> bytes | VerdictResult:
        """Return the OS user, or a refusal. Raises BackendUnavailable if PAM would not use the service file."""
        user = self._template.user_name(account).encode()
        uid = _uid(user) if self.settings.min_uid else None  # min_uid = 0 saves a look-up in several databases
        if uid is not None and uid < self.settings.min_uid:
            return Verdict.USER_DISABLED.because(f"uid {uid} is below min_uid = {self.settings.min_uid}")
        self._files.check()
        return user

    def _verdict(self, result: PamResult) -> VerdictResult:
        """Return the verdict. Raises BackendUnavailable for any other return code."""
        self._files.check()  # again: PAM has read the files after the first check
        verdict = (_ACCOUNT_STAGE if result.account_stage else _AUTHENTICATION_STAGE).get(result.code)
        if verdict is None:
            stage = "account" if result.account_stage else "authentication"
            raise BackendUnavailable(f"PAM, {stage} stage: {result.text} (code {result.code})")
        return verdict

    def _log_privilege(self) -> None:
        uid = os.geteuid()
        if os.access(_SHADOW, os.R_OK, effective_ids=True):
            self.log.info("uid %d can read %s: pam_unix can check the passwords of all users", uid, _SHADOW)
        else:
            self.log.warning(
                "uid %d cannot read %s: pam_unix cannot check the passwords of other users. Run extauth as root, "
                "or add its user to the group of %s, or use a service without pam_unix (for example pam_pwdfile)",
                uid, _SHADOW, _SHADOW,
            )  # fmt: skip


def _uid(user: bytes) -> int | None:
    """Return the uid of an OS user; None if the system's user database does not have it."""
    try:
        return pwd.getpwnam(os.fsdecode(user)).pw_uid  # looks up these bytes in every locale
    except KeyError:
        return None

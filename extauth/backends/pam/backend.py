"""The backend for PAM: whom it asks PAM about, and what it makes of the answer."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from extauth.backends.base import Backend, BackendContext
from extauth.backends.pam.outcome import Outcome
from extauth.backends.pam.service import ServiceFiles
from extauth.backends.pam.user_name import UserName
from extauth.errors import ConfigError, TemporaryFailure
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.settings import Settings
from extauth.trust import check_trusted

if TYPE_CHECKING:
    from extauth.backends.pam.transaction import Service

_SHADOW = Path("/etc/shadow")
_NO_CLEAR_TEXT = Verdict.SCHEME_NOT_AVAILABLE.because("PAM holds no clear text")
_LONGEST_PASSWORD = 511  # bytes: PAM_MAX_RESP_SIZE less the NUL; modules cut what is longer


class PamSettings(Settings, frozen=True):
    """The keys of a `pam` backend.

    `username` is a template, see UserName; `min_uid` holds for names that the system's user database knows;
    `concurrency` is a number of threads in each worker.
    """

    service: str
    service_folder: Path | None = None
    username: str = "*"
    min_uid: Annotated[int, msgspec.Meta(ge=0)] = 1000
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2


class Pam(Backend[PamSettings]):
    """Asks PAM, by one service of it."""

    Settings = PamSettings

    def __init__(self, settings: PamSettings, context: BackendContext) -> None:
        super().__init__(settings, context)
        self._files = ServiceFiles(settings.service, settings.service_folder)
        self._user_name = UserName(settings.username)
        self._service: Service | None = None
        self._held: Any = None
        self.concurrency = settings.concurrency

    def load(self) -> None:
        """Find libpam and the service's file, and say whether this process can check what others' passwords are."""
        try:
            from extauth.backends.pam.transaction import Service
        except ImportError:
            raise ConfigError("python-pam is missing; install it with: pip install python-pam") from None
        name, folder = self.settings.service, self.settings.service_folder
        try:
            self._service = Service(name, folder)
        except (OSError, AttributeError):
            raise ConfigError("libpam is missing, or older than 1.4; on Debian: apt-get install libpam0g") from None
        if not self._user_name.tells_domains_apart and (self.context.domains is None or len(self.context.domains) > 1):
            self.log.warning(
                "username = %r: the same name is the same OS user in every domain that this backend serves; "
                "set domains to one, or put {domain} into it",
                self.settings.username,
            )
        for place in self._files.places:
            self.watch(place)
        self._say_who_we_are()
        stack = self._files.stack()
        for path in stack.seen:
            self.watch(path)
        for file in stack.files:
            check_trusted(file, allow_unsafe=self.context.allow_unsafe_files)
        self.log.info("service %s: %s", name, ", ".join(map(str, stack.files)))
        if stack.missing:
            self.log.error("%s: cannot read what it includes: %s", stack.files[0], ", ".join(stack.missing))
        self._files.check()

    def open(self) -> None:
        """Keep the service's modules loaded."""
        self._held = self._loaded.hold()

    def close(self) -> None:
        """Let the modules go."""
        self._held.end()

    def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Whether PAM accepts the password and the account, for the OS user that the account stands for."""
        if len(password.reveal()) > _LONGEST_PASSWORD:
            return Verdict.PASSWORD_MISMATCH.because(f"the password has more than {_LONGEST_PASSWORD} bytes")
        user = self._user(account)
        return user if isinstance(user, VerdictResult) else self._verdict(self._loaded.ask(user, password.reveal()))

    def lookup_secret(self, account: Account) -> VerdictResult:
        """Why there is none to be had: the account may not be used, or PAM holds no clear text."""
        user = self._user(account)
        if isinstance(user, VerdictResult):
            return user
        decided = self._verdict(self._loaded.ask_account(user))
        return _NO_CLEAR_TEXT if decided.verdict is Verdict.OK else decided

    def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Whether the system's user database has the OS user; PAM itself cannot be asked without a password."""
        uid = _uid(self._user_name.of(account).encode())
        if uid is None:
            raise TemporaryFailure("the system's user database has no such user, and PAM alone may know one")
        if uid < self.settings.min_uid:
            return Verdict.USER_UNKNOWN.because(f"uid {uid} is below min_uid = {self.settings.min_uid}")
        return Verdict.OK

    def _user(self, account: Account) -> bytes | VerdictResult:
        """The OS user to ask PAM about; why nobody is asked. Raises BackendUnavailable without a service file."""
        user = self._user_name.of(account).encode()
        uid = _uid(user) if self.settings.min_uid else None  # a look-up that may go to several databases
        if uid is not None and uid < self.settings.min_uid:
            return Verdict.USER_DISABLED.because(f"uid {uid} is below min_uid = {self.settings.min_uid}")
        self._files.check()
        return user

    def _verdict(self, outcome: Outcome) -> VerdictResult:
        self._files.check()  # PAM has read them by itself
        return outcome.verdict()

    @property
    def _loaded(self) -> Service:
        assert self._service is not None  # `load` ran before
        return self._service

    def _say_who_we_are(self) -> None:
        uid = os.geteuid()
        if os.access(_SHADOW, os.R_OK, effective_ids=True):
            self.log.info("runs as uid %d and can read %s: pam_unix can check every user's password", uid, _SHADOW)
        else:
            self.log.warning(
                "runs as uid %d and cannot read %s: pam_unix can check no other user's password. Run extauth as root, "
                "or put its user into the group of %s; or use a service without pam_unix, such as one with pam_pwdfile",
                uid, _SHADOW, _SHADOW,
            )  # fmt: skip


def _uid(user: bytes) -> int | None:
    """The number of an OS user; None where the system's user database has none, though PAM may."""
    try:
        return pwd.getpwnam(os.fsdecode(user)).pw_uid  # asked for these bytes, whatever the locale
    except KeyError:
        return None

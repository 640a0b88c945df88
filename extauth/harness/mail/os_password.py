"""The OS password: the system's PAM says whether it is right (docs/protocol.md, section 6)."""

from __future__ import annotations

import os
from pathlib import Path

from extauth.errors import BackendUnavailable, ConfigError
from extauth.model import Secret
from extauth.version import pip_install

_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))


def check_service_file(service: str, folder: Path | None) -> None:
    """Raise ConfigError if the PAM service has no file. `folder` is as in `OsPasswords`."""
    folders = _FOLDERS if folder is None else (folder,)
    folder_exists = any(each.is_dir() for each in folders)  # if there is none, PAM reads /etc/pam.conf
    if folder_exists and not any((each / service).is_file() for each in folders):
        where = " or ".join(map(str, folders))
        raise ConfigError(f"pam_service = {service!r}: no such file in {where}; PAM would use the service `other`")


class OsPasswords:
    """Asks one PAM service. `folder` holds its service file; None: libpam looks in the system's folders.

    Raises ConfigError if PAM cannot be used on this system.
    """

    def __init__(self, service: str, folder: Path | None) -> None:
        try:
            from extauth.libpam import PamService
        except ImportError:
            remedy = pip_install("python-pam")
            raise ConfigError(f"use_os_password needs python-pam; install it with: {remedy}") from None
        try:
            self._service = PamService(service, folder, fail_delay=True, terminal=_terminal())
        except (OSError, AttributeError):
            raise ConfigError("use_os_password needs libpam 1.4; on Debian: apt-get install libpam0g") from None

    def check(self, user: str, password: Secret) -> bool:
        """Return whether PAM accepts the password of the OS user. May take seconds: PAM delays a refusal.

        A user whose stored password is empty cannot log in, even if the modules would allow it (`nullok`).
        """
        given = password.reveal()
        if not given or b"\0" in given:  # PAM reads up to a NUL
            return False
        try:
            return self._service.authenticate(user.encode(), given).is_success
        except BackendUnavailable:  # libpam does not start
            return False


def _terminal() -> bytes | None:
    """Return the X display or the terminal of this process."""
    display = os.environb.get(b"DISPLAY")
    return display or (os.fsencode(os.ttyname(0)) if os.isatty(0) else None)

"""The access rights in files of the base directory, as CommuniGate Pro has them: `Access.settings` of each domain.

The file of the main domain is `Settings/Access.settings`, that of another one `Domains/NAME/Settings/Access.settings`.
It is a dictionary in the data format: account names and arrays of rights.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from extauth.errors import ConfigError
from extauth.harness.mail.accounts import Accounts
from extauth.harness.mail.pwd.rights import check_grantable
from extauth.model import Account
from extauth.protocol.data_format import MalformedData, read, write

_NAME = "Access.settings"
_LOCK = "Access.lock"


class AccessFiles:
    """The files of one base directory. Only one harness at a time may use it, until `close`.

    Raises ConfigError if another one does, or if the folder cannot be used.
    """

    def __init__(self, base: Path, main_domain: str) -> None:
        self._base = base
        self._main_domain = main_domain
        lock = base / "Settings" / _LOCK
        try:
            lock.parent.mkdir(exist_ok=True)
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"{lock}: {error.strerror}; choose another --base-directory") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigError(f"{base}: another harness uses this folder; choose another --base-directory") from None

    def close(self) -> None:
        """Let other harnesses use the folder."""
        os.close(self._lock)

    def load(self, accounts: Accounts) -> None:
        """Give the accounts the rights in the files. A domain without a file keeps its rights. Raises ConfigError.

        Names without an account are ignored.
        """
        for domain in accounts.domains:
            path = self._path(domain.name)
            try:
                rights = read(path.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, MalformedData) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise ConfigError(f"{path}: cannot be read: {reason}") from None
            if not isinstance(rights, dict) or not all(isinstance(names, list) for names in rights.values()):
                raise ConfigError(f"{path}: must be a dictionary of arrays, such as {{ postmaster = (Master); }}")
            for account in accounts.of_domain(domain.name):
                names = rights.get(account.account.name, [])
                assert isinstance(names, list)
                try:
                    account.set_rights(check_grantable(names, domain.name, self._main_domain))
                except ValueError as error:
                    raise ConfigError(f"{path}: {account.account.name}: {error}") from None

    def save(self, domain: str, rights: Mapping[Account, tuple[str, ...]]) -> None:
        """Replace the file of a domain at once, so that a crash leaves the old one or the new one. Raises OSError."""
        path = self._path(domain)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{_NAME}.new")  # the lock keeps other harnesses away
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(write({account.name: list(names) for account, names in rights.items()}) + b"\n")
            file.flush()
            os.fsync(descriptor)
        new.replace(path)

    def _path(self, domain: str) -> Path:
        folder = self._base if domain == self._main_domain else self._base / "Domains" / domain
        return folder / "Settings" / _NAME

"""A folder with what the programs check passwords against; each thing is made when it is first needed."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.directory import Directory, directory
from benchmarks.workloads import ACCOUNTS, write_password_file

PAM_SERVICE = "login-md5"


class Scratch:
    """The folder, and what runs beside it until `ending` does."""

    def __init__(self, folder: Path, ending: contextlib.ExitStack) -> None:
        self.folder = folder
        self._ending = ending

    @functools.cache  # noqa: B019  # there is one, and it lives as long as the program
    def password_file(self, scheme: str, accounts: int = ACCOUNTS) -> Path:
        """A password file under a key of workloads.SCHEMES."""
        path = self.folder / f"{scheme}-{accounts}"
        write_password_file(path, scheme, range(accounts))
        return path

    @functools.cached_property
    def directory(self) -> Directory:
        """A slapd that runs, with the accounts."""
        return self._ending.enter_context(directory(self.folder / "slapd", ACCOUNTS))

    @functools.cached_property
    def pam_services(self) -> Path:
        """The system's folder of services for PAM, and one more: it checks a password file and waits for nothing.

        The others belong to it: PAM reads `other`, and loads its modules, whatever service is asked for.
        """
        folder = shutil.copytree("/etc/pam.d", self.folder / "pam.d")
        file = self.password_file("md5crypt")
        service = f"auth required pam_pwdfile.so pwdfile={file} nodelay\naccount required pam_permit.so\n"
        (folder / PAM_SERVICE).write_text(service)
        return folder


@contextlib.contextmanager
def scratch() -> Iterator[Scratch]:
    """A folder that is there until the context ends. Others can read it: not all programs look into it as root."""
    with tempfile.TemporaryDirectory(prefix="extauth-benchmark-") as name, contextlib.ExitStack() as ending:
        Path(name).chmod(0o755)
        yield Scratch(Path(name), ending)

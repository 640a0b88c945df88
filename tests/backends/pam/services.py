"""Folders with PAM service files and password files, for the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent


def build(source: str, folder: Path) -> Path:
    """Compile a C file of this folder into a shared object."""
    target = folder / Path(source).with_suffix(".so").name
    subprocess.run(
        ["cc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(target), str(SOURCES / source), "-lpam"],
        check=True,
    )
    return target


def hashed(*passwords: str) -> list[str]:
    """Hash the passwords with crypt(3)."""
    lines = "".join(f"{password}\n" for password in passwords)
    done = subprocess.run(
        ["openssl", "passwd", "-5", "-salt", "saltsalt", "-stdin"],
        input=lines, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


class Services:
    """A service folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o755, exist_ok=True)

    def write(self, name: str, *lines: str) -> Path:
        """Write a service file."""
        new = self.folder / f".{name}.new"
        new.write_text("".join(f"{line}\n" for line in lines))
        new.chmod(0o644)
        return new.replace(self.folder / name)

    def pwdfile(self, name: str, passwords: dict[str, str], *first: str) -> Path:
        """Write a service that checks these passwords with pam_pwdfile. Its file begins with the lines `first`."""
        stored = zip(passwords, hashed(*passwords.values()), strict=True)
        return self.pwdfile_of(name, [f"{user}:{value}" for user, value in stored], *first)

    def pwdfile_of(self, name: str, lines: list[str], *first: str) -> Path:
        """Write a service that checks passwords against these lines with pam_pwdfile."""
        file = self.folder.parent / f"{name}.pwdfile"
        file.write_text("".join(f"{line}\n" for line in lines))
        return self.write(
            name, *first, f"auth required pam_pwdfile.so pwdfile={file}", "account required pam_permit.so"
        )

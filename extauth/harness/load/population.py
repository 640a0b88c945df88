"""Accounts and their passwords in the clear, from a file: `name@domain:password`, one a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from extauth.errors import ExtauthError
from extauth.model import Secret

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_NEVER_IN_A_PASSWORD = re.compile(rb"[\0\r]")


class AccountsError(ExtauthError):
    """A file of accounts that cannot be used. The message names file and line, and never what stands there."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account, and the password that it logs in with."""

    address: str
    password: Secret


def read_population(path: Path) -> list[Login]:
    """The accounts in the file at `path`, in its order; empty lines and those with a `#` in front are left out.

    The address ends at the first colon, everything behind it is the password. Raises AccountsError.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise AccountsError(f"{path}: {error.strerror}") from error
    logins: dict[str, Login] = {}
    for where, line in enumerate(lines, 1):
        if line.strip() and not line.startswith(b"#"):
            try:
                login = _login(line.removesuffix(b"\r"))
                if login.address in logins:
                    raise ValueError("an account that is there already")
            except ValueError as error:
                raise AccountsError(f"{path}, line {where}: {error}") from None
            logins[login.address] = login
    if not logins:
        raise AccountsError(f"{path}: no account; a line is name@domain:password")
    return list(logins.values())


def _login(line: bytes) -> Login:
    """Raises ValueError."""
    address, colon, password = line.partition(b":")
    try:
        name = address.decode()
    except UnicodeDecodeError:
        raise ValueError("a name that is not UTF-8") from None
    if not colon or not _ADDRESS.fullmatch(name):
        raise ValueError("must be name@domain:password")
    if not password or _NEVER_IN_A_PASSWORD.search(password):
        raise ValueError("the password is empty, or holds a NUL or CR")
    return Login(name, Secret(password))

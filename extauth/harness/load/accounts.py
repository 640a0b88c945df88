"""Accounts and clear-text passwords from a file: one `name@domain:password` on each line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from extauth.errors import ExtauthError
from extauth.model import Secret

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_NEVER_IN_A_PASSWORD = re.compile(rb"[\0\r]")


class LoadAccountsError(ExtauthError):
    """A file of accounts has an error. The message names file and line, but never repeats the line."""


@dataclass(frozen=True, slots=True)
class LoadAccount:
    """An account and its right password."""

    address: str
    password: Secret


def read_load_accounts(path: Path) -> list[LoadAccount]:
    """Read the accounts from the file at `path`, in order. Empty lines and lines that begin with `#` are skipped.

    The address ends at the first colon. The rest of the line is the password. Raises LoadAccountsError.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise LoadAccountsError(f"{path}: {error.strerror}") from error
    accounts: dict[str, LoadAccount] = {}
    for where, line in enumerate(lines, 1):
        if line.strip() and not line.startswith(b"#"):
            try:
                account = _account(line.removesuffix(b"\r"))
                if account.address in accounts:
                    raise ValueError("this account is in the file already")
            except ValueError as error:
                raise LoadAccountsError(f"{path}, line {where}: {error}") from None
            accounts[account.address] = account
    if not accounts:
        raise LoadAccountsError(f"{path}: no accounts; each line must be name@domain:password")
    return list(accounts.values())


def _account(line: bytes) -> LoadAccount:
    """Parse one line. Raises ValueError."""
    address, colon, password = line.partition(b":")
    try:
        name = address.decode()
    except UnicodeDecodeError:
        raise ValueError("the name is not UTF-8") from None
    if not colon or not _ADDRESS.fullmatch(name):
        raise ValueError("must be name@domain:password")
    if not password or _NEVER_IN_A_PASSWORD.search(password):
        raise ValueError("the password is empty, or contains NUL or CR")
    return LoadAccount(name, Secret(password))

"""Add, change or delete accounts in a password file. All other lines stay as they are."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from extauth.backends.files.formats import BYTE_ORDER_MARK, BadLine, parse_plain
from extauth.errors import ConfigError, MalformedRequest
from extauth.passwords import StoredHash, identify
from extauth.protocol.accounts import AccountParser
from extauth.trust.permissions import group_name, shown_user

_MIN_FIELDS = 7  # of a line in the other formats


def set_passwords(path: Path, stored: Mapping[str, bytes]) -> set[str]:
    """Set the stored passwords of addresses in a file of the `plain` format. Return those that had one before.

    Raises ConfigError if an address is not an account, OSError if the file cannot be replaced.
    """
    lines = {_canonical(address): value for address, value in stored.items()}
    before = _edit(path, {account: account.encode() + b":" + value + b"\n" for account, value in lines.items()})
    return {address for address in stored if _canonical(address) in before}


def delete_account(path: Path, address: str) -> bool:
    """Delete the line of `address`. Return whether there was one. Raises the errors of `set_passwords`."""
    return bool(_edit(path, {_canonical(address): None}))


def canonical_account(address: str, where: str) -> str:
    """Return an address as the file has it. Raise ConfigError if it is not an account. `where`: where it stands."""
    try:
        return _canonical(address)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def bare_line(path: Path, address: str) -> int | None:
    """Return the number of the line that has only the name of an address, and so is an account in every domain."""
    name, at, _ = _canonical(address).rpartition("@")
    if not at or "@" in name or not path.exists():
        return None
    numbers = [number for number, line in enumerate(_lines_of(path), start=1) if _account_of(line) == name]
    return numbers[0] if numbers else None


def schemes_in(path: Path) -> Counter[str]:
    """Return how many stored passwords of a file have which scheme. A file that is missing has none."""
    found: Counter[str] = Counter()
    for line in _lines_of(path):
        if _account_of(line) is None:  # a comment, or a line that is skipped
            continue
        stored = line.partition(b":")[2].rstrip(b"\r\n")
        if isinstance(known := identify(stored, "DES-CRYPT"), StoredHash):
            found[known.scheme] += 1
    return found


def _lines_of(path: Path) -> list[bytes]:
    try:
        return io.BytesIO(path.read_bytes()).readlines()
    except FileNotFoundError:
        return []


def _edit(path: Path, changes: Mapping[str, bytes | None]) -> set[str]:
    """Set the lines of accounts, or delete them if the line is None. Return the accounts that had a line before."""
    path = path.resolve()  # replace the target of a link, not the link
    with _locked(path.parent):
        lines = _lines_of(path)
        _check_plain(path, lines)
        after: list[bytes] = []
        found: set[str] = set()
        for candidate in lines:
            account = _account_of(candidate)
            if account not in changes:
                after.append(candidate)
            elif account is not None and account not in found:
                found.add(account)
                if (line := changes[account]) is not None:
                    after.append(line)
        new = [line for account, line in changes.items() if account not in found and line is not None]
        if new and after and not after[-1].endswith(b"\n"):
            after[-1] += b"\n"
        if found or new:
            _replace_file(path, b"".join(after + new))
    return found


def _canonical(address: str) -> str:
    """Return the canonical form of an address or of a name without a domain. Raises ConfigError."""
    if address.isprintable() and ":" not in address and not address.startswith("#"):
        try:
            if "@" not in address and address:
                return AccountParser().name(address)
            account = AccountParser().parse(address)
            if account is not None:
                return account.address
        except MalformedRequest:
            pass
    raise ConfigError(f"{address!r} is not an account: use name@domain, or a name for every domain")


def _account_of(line: bytes) -> str | None:
    try:
        return _canonical(parse_plain(line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n"))[0])
    except (BadLine, ConfigError):
        return None


def _check_plain(path: Path, lines: list[bytes]) -> None:
    """Raise ConfigError for a file of another format: its other fields would be lost."""
    for number, line in enumerate(lines, start=1):
        fields = line.rstrip(b"\r\n").split(b":")
        ids = fields[2:4]  # uid and gid, or days of a shadow file: numbers, or empty
        if len(fields) >= _MIN_FIELDS and not line.startswith(b"#") and all(not i or i.isdigit() for i in ids):
            raise ConfigError(f"{path}, line {number}: has {len(fields)} fields: the file is not in the plain format")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for other editors. Locks the folder, because the file itself is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace_file(path: Path, content: bytes) -> None:
    """Replace `path` by a file with this content, and keep mode and owner."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                _change_owner(descriptor, path, status.st_uid, status.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            os.fsync(descriptor)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # exists only after an error


def _change_owner(descriptor: int, path: Path, user: int, group: int) -> None:
    try:
        os.fchown(descriptor, user, group)
    except PermissionError:
        raise ConfigError(
            f"{path}: only root can replace a file of {shown_user(user)} and group {group_name(group)}"
        ) from None

"""Add, change or delete one account in a password file. All other lines stay as they are."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from extauth.backends.files.formats import BYTE_ORDER_MARK, BadLine, parse_plain
from extauth.errors import ConfigError, MalformedRequest
from extauth.protocol.accounts import AccountParser

_MIN_FIELDS = 7  # of a line in the other formats


def set_password(path: Path, address: str, stored: bytes) -> bool:
    """Set the stored password of `address` in a file of the `plain` format. Return whether it had one before.

    Raises ConfigError if the address is not an account, OSError if the file cannot be replaced.
    """
    return _replace_line(path, address, _canonical(address).encode() + b":" + stored + b"\n")


def delete_account(path: Path, address: str) -> bool:
    """Delete the line of `address`. Return whether there was one. Raises the errors of `set_password`."""
    return _replace_line(path, address, None)


def _replace_line(path: Path, address: str, line: bytes | None) -> bool:
    account = _canonical(address)
    path = path.resolve()  # replace the target of a link, not the link
    with _locked(path.parent):
        try:
            before = path.read_bytes()
        except FileNotFoundError:
            before = b""
        lines = io.BytesIO(before).readlines()
        _check_plain(path, lines)
        ours = [number for number, candidate in enumerate(lines) if _account_of(candidate) == account]
        if line is None:
            after = [candidate for number, candidate in enumerate(lines) if number not in ours]
        elif ours:
            after = [line if number == ours[0] else candidate for number, candidate in enumerate(lines)]
            after = [candidate for number, candidate in enumerate(after) if number not in ours[1:]]
        else:
            if lines and not lines[-1].endswith(b"\n"):
                lines[-1] += b"\n"
            after = [*lines, line]
        if line is not None or ours:
            _replace_file(path, b"".join(after))
    return bool(ours)


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
        raise ConfigError(f"{path}: only root can replace a file of uid {user} and gid {group}") from None

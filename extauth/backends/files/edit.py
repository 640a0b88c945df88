"""A line added to a password file, changed in it or taken out: all other lines stay as they are."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from extauth.backends.files.entry import BYTE_ORDER_MARK, BadLine
from extauth.backends.files.plain import parse
from extauth.errors import ConfigError, MalformedRequest
from extauth.protocol.accounts import AccountParser

_FIELDS = 7  # that a line of the other formats has, or more


def set_password(path: Path, address: str, stored: bytes) -> bool:
    """Give `address` this stored password, in a file of the `plain` format; whether it was there before.

    Raises ConfigError where the address is none, OSError where the file cannot be replaced.
    """
    return _replace_line(path, address, _canonical(address).encode() + b":" + stored + b"\n")


def delete_account(path: Path, address: str) -> bool:
    """Take the line of `address` out; whether there was one. Raises as `set_password` does."""
    return _replace_line(path, address, None)


def _replace_line(path: Path, address: str, line: bytes | None) -> bool:
    account = _canonical(address)
    path = path.resolve()  # where it is a link, the file is replaced and not the link
    with _only_one_editor(path.parent):
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
    """The address in the form that the file's lines are compared in; a bare name stays one."""
    if address.isprintable() and ":" not in address and not address.startswith("#"):
        try:
            if "@" not in address and address:
                return AccountParser().name(address)
            account = AccountParser().parse(address)
            if account is not None:
                return account.address
        except MalformedRequest:
            pass
    raise ConfigError(f"{address!r} is no account: give name@domain, or a name that counts in every domain")


def _account_of(line: bytes) -> str | None:
    try:
        return _canonical(parse(line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n"))[0])
    except (BadLine, ConfigError):
        return None


def _check_plain(path: Path, lines: list[bytes]) -> None:
    """Raise ConfigError where this is a file of another format, whose further fields would be lost."""
    for number, line in enumerate(lines, start=1):
        fields = line.rstrip(b"\r\n").split(b":")
        ids = fields[2:4]  # of a passwd-file, or days of a shadow file: numbers, or nothing
        if len(fields) >= _FIELDS and not line.startswith(b"#") and all(not i or i.isdigit() for i in ids):
            raise ConfigError(f"{path}, line {number}: has {len(fields)} fields: this is no file of the plain format")


@contextlib.contextmanager
def _only_one_editor(folder: Path) -> Iterator[None]:
    """Wait until nobody else edits: the folder is locked, since the file itself is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace_file(path: Path, content: bytes) -> None:
    """Put a file of this content in the place of `path`, with the same mode and owner."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                _give(descriptor, path, status.st_uid, status.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            os.fsync(descriptor)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # it is not there any more where all went well


def _give(descriptor: int, path: Path, user: int, group: int) -> None:
    try:
        os.fchown(descriptor, user, group)
    except PermissionError:
        raise ConfigError(f"{path}: only root can write a file of uid {user} and gid {group} in its place") from None

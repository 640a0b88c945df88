"""Read files that decide about logins: only root or our own user may write them. Also notice their changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from extauth.errors import ConfigError
from extauth.trust.writers import check_owner, check_way, other_writer

MAX_FILE = 2**31 - 1
"""The highest number of bytes in a file: just under 2 GiB."""

Signature = tuple[int, int, int, int, int]
"""Device, inode, size, mtime and ctime (in ns). At least one of them changes when a file changes."""


class TrustedFile(msgspec.Struct, frozen=True):
    """The content of a file that no other user can write, and its signature at that moment."""

    data: bytes
    signature: Signature
    readable_by_everyone: bool


def signature(path: Path) -> Signature | None:
    """Return the signature of `path` now, or None if `path` cannot be reached."""
    try:
        return _signature(path.stat())
    except OSError:
        return None


def read_trusted(path: Path, *, allow_unsafe: bool = False) -> TrustedFile:
    """Read a regular file that only root or this process's user can write.

    Raises UnsafeFile if another user can write it (unless `allow_unsafe`). Raises ConfigError if it is too large or not
    a regular file, and OSError if it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # do not wait for the writer of a FIFO
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: is {_kind(status.st_mode)}; it must be a regular file")
        if status.st_size > MAX_FILE:
            raise ConfigError(f"{path}: has {status.st_size} bytes; at most {MAX_FILE} are read")
        if not allow_unsafe:
            _check_writers(path, status, descriptor)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read()
    finally:
        os.close(descriptor)
    return TrustedFile(data, _signature(status), bool(status.st_mode & stat.S_IROTH))


def check_trusted(path: Path, *, allow_unsafe: bool = False) -> None:
    """Raise UnsafeFile if another user can write `path`, a file or a folder."""
    if not allow_unsafe:
        _check_writers(path, path.stat(), path)


def _check_writers(path: Path, status: os.stat_result, target: Path | int) -> None:
    kind = "file" if stat.S_ISREG(status.st_mode) else "folder"
    check_owner(path, status, kind)
    writer = other_writer(target, status)
    if writer is not None:
        raise writer.error(path, kind)
    check_way(path)


def _signature(status: os.stat_result) -> Signature:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "a device")

"""Check files that decide about logins: only root or our own user may write them. Also notice their changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from extauth.errors import ConfigError, UnsafeFile

MAX_FILE = 2**31 - 1
"""The highest number of bytes in a file: just under 2 GiB."""

_MAX_LINKS = 40  # the system follows no more

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
            _check_writers(path, status)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read()
    finally:
        os.close(descriptor)
    return TrustedFile(data, _signature(status), bool(status.st_mode & stat.S_IROTH))


def check_trusted(path: Path, *, allow_unsafe: bool = False) -> None:
    """Raise UnsafeFile if another user can write `path`, a file or a folder."""
    if not allow_unsafe:
        _check_writers(path, path.stat())


def _check_writers(path: Path, status: os.stat_result) -> None:
    _check(path, status, "file" if stat.S_ISREG(status.st_mode) else "folder", owned=True)
    *above, nearest = _folders(path)
    for folder in above:
        status = folder.stat()
        if not status.st_mode & stat.S_ISVTX:  # in a sticky folder users replace only their own files
            _check(folder, status, f"folder (on the way to {path})", owned=False)
    _check(nearest, nearest.stat(), f"folder (of {path})", owned=True)


def _check(path: Path, status: os.stat_result, kind: str, *, owned: bool) -> None:
    ours = {0, os.geteuid()}
    if owned and status.st_uid not in ours:
        raise UnsafeFile(
            f"{path}: this {kind} belongs to uid {status.st_uid}; it must belong to root or to uid {os.geteuid()}, "
            "the user that extauth runs as"
        )
    private = status.st_gid in (0, status.st_uid)  # root's group, or by custom the owner's own group
    if owned and status.st_mode & stat.S_IWGRP and not private:
        raise UnsafeFile(
            f"{path}: this {kind} is writable by group {status.st_gid} (mode {stat.S_IMODE(status.st_mode):04o}); "
            f"run: chmod g-w {path}"
        )
    if status.st_mode & stat.S_IWOTH:
        raise UnsafeFile(
            f"{path}: this {kind} is writable by everyone (mode {stat.S_IMODE(status.st_mode):04o}); "
            f"run: chmod o-w {path}"
        )


def _folders(path: Path) -> Iterator[Path]:
    """Yield every folder on the way to `path`, also those that links lead through. The folder of `path` comes last."""
    names = list(reversed(path.absolute().parts[1:]))
    folder, links = Path("/"), 0
    while names:
        name = names.pop()
        if name == "..":
            folder = folder.parent
            continue
        yield folder
        entry = folder / name
        if entry.is_symlink() and links < _MAX_LINKS:
            links += 1
            target = entry.readlink()
            names += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            folder = Path("/") if target.is_absolute() else folder
        else:
            folder = entry


def _signature(status: os.stat_result) -> Signature:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "a device")

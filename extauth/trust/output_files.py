"""Files that extauth writes: the log, which no other user may turn into another file, and files for other programs."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from extauth.errors import UnsafeFile
from extauth.trust.writers import check_owner, check_step, other_writer, steps_to

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW  # a FIFO without a reader fails
_KIND = "folder (on the way to the log)"


def open_log_file(path: Path, mode: int) -> int:
    """Open the log file for appending and return its descriptor. A new file gets `mode`, less the umask.

    Raise UnsafeFile if it is a link, or if another user can change the way to it. Raise OSError.
    """
    return _open(path, os.O_CREAT, mode)


def check_log_file(path: Path) -> None:
    """Raise the errors of `open_log_file`. Create nothing."""
    try:
        os.close(_open(path, 0, 0))
    except FileNotFoundError:
        folder = path.parent
        os.close(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"cannot create a file in {folder}") from None


def _open(path: Path, flags: int, mode: int) -> int:
    if path.is_symlink():
        raise _is_link(path)
    folder, is_shared = _check_way(path)
    try:
        descriptor = os.open(folder / path.name, _APPEND | flags, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _is_link(path) from None
        raise
    with contextlib.ExitStack() as on_error:
        on_error.callback(os.close, descriptor)
        if is_shared:
            _check_shared(path, os.fstat(descriptor))
        os.set_blocking(descriptor, True)
        on_error.pop_all()
    return descriptor


def _check_way(path: Path) -> tuple[Path, bool]:
    """Return the real folder of the log, and whether other users can write there. Raise UnsafeFile and OSError.

    A group may write to this last folder, and everybody if it is sticky: /var/log and /tmp are such folders. No link is
    followed there, and the file is checked when it is open.
    """
    *above, (folder, _) = steps_to(path)
    for step in above:
        check_step(step, _KIND)
    status = folder.stat()
    check_owner(folder, status, _KIND)
    writer = other_writer(folder, status)
    if writer is not None and status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise writer.error(folder, _KIND)
    return folder, writer is not None


def _check_shared(path: Path, status: os.stat_result) -> None:
    """Raise UnsafeFile if another user could have put this file into a folder that others can write to."""
    check_owner(path, status, "log file")
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise UnsafeFile(f"{path}: this log file has {status.st_nlink} names (hard links); remove it")


def _is_link(path: Path) -> UnsafeFile:
    return UnsafeFile(f"{path}: is a symbolic link, which is not followed; set log.file to the file itself")


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """Replace a file, or make it. It gets exactly this mode, whatever the umask is. Raise OSError.

    A reader sees the old content or the new one. If `path` is a link, the link itself is replaced.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
        new.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise

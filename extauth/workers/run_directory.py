"""The folder of the status sockets: only its owner can enter it. Each running helper has one socket there."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from extauth.errors import UnsafeFile
from extauth.trust.permissions import shown_user

_SUFFIX = ".sock"


def default_run_directory() -> Path:
    """Return the folder that is used if `helper.run_directory` is not set."""
    if os.geteuid() == 0:
        return Path("/run/extauth")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime, "extauth") if runtime.startswith("/") else _in_tmp()


def run_directories(configured: Path | None) -> list[Path]:
    """Return the folders where the socket of a helper of this user may be: its environment may differ from ours."""
    if configured is not None:
        return [configured]
    return list(dict.fromkeys([default_run_directory(), _in_tmp()])) if os.geteuid() else [default_run_directory()]


def _in_tmp() -> Path:
    return Path(f"/tmp/extauth-{os.geteuid()}")  # noqa: S108  # its owner and its mode are checked


def make_run_directory(folder: Path) -> None:
    """Make the folder if it is missing, and check it. Raise UnsafeFile and OSError."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    check_run_directory(folder, [os.geteuid()])


def check_run_directory(folder: Path, owners: list[int]) -> None:
    """Raise UnsafeFile if it is no folder, belongs to none of `owners`, or others can enter it. Raise OSError."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFile(f"{folder}: is not a folder; remove it, or set helper.run_directory to another folder")
    if status.st_uid not in owners:
        raise UnsafeFile(
            f"{folder}: belongs to {shown_user(status.st_uid)}; it must belong to {shown_user(owners[0])}, "
            "the user that extauth runs as; set helper.run_directory to another folder"
        )
    if status.st_mode & 0o077:
        raise UnsafeFile(
            f"{folder}: other users can enter it (mode {stat.S_IMODE(status.st_mode):04o}); run: chmod 700 {folder}"
        )


def sockets_in(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the helpers that have a socket in the folder: the process id of each frontend, and the socket."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        if path.stem.isdigit():
            yield int(path.stem), path


def is_stale(path: Path) -> bool:
    """Return whether no process listens on this socket any more."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:  # its queue is full: a process listens
            return False
        return False


class StatusSocket:
    """The socket of one helper. It appears in the folder when it can be connected to."""

    def __init__(self, folder: Path, pid: int) -> None:
        """Listen in this folder for the helper with this frontend. Raise UnsafeFile and OSError."""
        make_run_directory(folder)
        for _, path in sockets_in(folder):
            if is_stale(path):
                path.unlink(missing_ok=True)
        self.path = folder / f"{pid}{_SUFFIX}"
        self.socket = socket.socket(socket.AF_UNIX)
        new = folder / f".{pid}.{os.getpid()}"
        try:
            new.unlink(missing_ok=True)
            self.socket.bind(str(new))  # the umask lets only the owner connect
            self.socket.listen(64)
            self.socket.setblocking(False)
            new.rename(self.path)
        except OSError:
            self.socket.close()
            raise

    def remove(self) -> None:
        """Remove the socket from the folder."""
        with contextlib.suppress(OSError):
            self.path.unlink()

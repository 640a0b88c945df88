"""The file with the frontend's process id (`helper.pid_file`)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from extauth.errors import UnsafeFile
from extauth.trust import check_way, replace_file

_MODE = 0o644
_MAX_SIZE = 64  # bytes; more is no process id


class PidFileTaken(Exception):
    """The file belongs to another helper that runs."""


class PidFile:
    """Holds the process id of one helper, as long as no other running helper has put its own there before."""

    def __init__(self, path: Path, pid: int) -> None:
        self._path = path
        self._pid = pid

    def write(self) -> None:
        """Write the file unless it is right. Raise PidFileTaken, UnsafeFile and OSError.

        A new file replaces the old one, so nothing is written through a link.
        """
        path = self._path
        check_pid_file(path)
        found = self._read()
        if found == self._pid:
            return
        if found is not None and _is_helper(found):
            raise PidFileTaken(
                f"{path}: belongs to the running helper {found}; this one writes it when that one has ended; give each "
                "helper a helper.pid_file of its own"
            )
        replace_file(path, f"{self._pid}\n".encode(), _MODE)

    def remove(self) -> None:
        """Remove the file if it has this helper's process id."""
        with contextlib.suppress(OSError):
            if self._read() == self._pid:
                self._path.unlink()

    def _read(self) -> int | None:
        """Return the process id in the file, if there is one. Raise OSError."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            text = os.read(descriptor, _MAX_SIZE).strip()
        finally:
            os.close(descriptor)
        return int(text) if text.isdigit() else None


def check_pid_file(path: Path) -> None:
    """Raise UnsafeFile if the file is a link, or if another user can change the way to it. Raise OSError."""
    if path.is_symlink():
        raise UnsafeFile(f"{path}: is a symbolic link, which is not followed; set helper.pid_file to the file itself")
    check_way(path)


def _is_helper(process: int) -> bool:
    """Return whether a process with this id runs and is a frontend of extauth."""
    try:
        return b"extauth" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False

"""Files of the base directory that one harness at a time reads and replaces, in the data format of the mail server."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from extauth.errors import ConfigError
from extauth.protocol.data_format import MAX_DEPTH, MalformedData, Value, read, write

_LOCK = "Settings/Harness.lock"
_MAX_SIZE = 1 << 30  # bytes; a command of the CLI has a lower limit, but a file holds what many commands set
_MAX_DEPTH = MAX_DEPTH + 8  # a setting lies deeper in a file than in a command


class FolderInUse(ConfigError):
    """Another harness uses the base directory."""


class StateFiles:
    """The files of one base directory. Only one harness at a time may use it, until `close`.

    Raises FolderInUse if another one does, ConfigError if the folder cannot be used.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._contents: dict[str, bytes] = {}
        lock = base / _LOCK
        try:
            _make_folder(lock.parent)
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"{lock}: {error.strerror}; choose another --base-directory") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise FolderInUse(f"{base}: another harness uses this folder; choose another --base-directory") from None

    def close(self) -> None:
        """Let other harnesses use the folder."""
        os.close(self._lock)

    def path(self, name: str) -> Path:
        """Return the full path of a file."""
        return self._base / name

    def read(self, name: str, default: Mapping[str, Value]) -> dict[str, Value] | None:
        """Return the dictionary in a file. Raises ConfigError if there is none in it.

        Return None if there is no such file. Then `save` creates it only for another value than `default`.
        """
        path = self.path(name)
        try:
            content = path.read_bytes()
            value = read(content, max_size=_MAX_SIZE, max_depth=_MAX_DEPTH)
        except FileNotFoundError:
            self._contents[name] = _rendered(map(line, default, default.values()))
            return None
        except (OSError, MalformedData) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{path}: cannot be read: {reason}; repair it, or move it away") from None
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: must be a dictionary, such as {{ key = value; }}; repair it, or move it away")
        self._contents[name] = content
        return value

    def save(self, name: str, lines: Iterable[bytes]) -> None:
        """Replace a file if its lines have changed. A crash leaves the old file or the new one. Raises OSError."""
        content = _rendered(lines)
        if self._contents[name] == content:
            return
        path = self.path(name)
        _make_folder(path.parent)
        new = path.with_name(f".{path.name}.new")  # the lock keeps other harnesses away
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            new.replace(path)
        except OSError as error:
            new.unlink()
            raise OSError(error.errno, error.strerror, str(path)) from None
        _sync_folder(path.parent)
        self._contents[name] = content


def line(key: str, value: Value) -> bytes:
    """Return the line of a key."""
    return b"  %s = %s;\n" % (write(key), write(value))


def _rendered(lines: Iterable[bytes]) -> bytes:
    return b"{\n" + b"".join(lines) + b"}\n"


def _make_folder(folder: Path) -> None:
    """Create a folder and those above it that are missing, for this user only, whatever the umask is."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(0o700)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
